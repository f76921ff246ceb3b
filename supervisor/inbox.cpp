#include "supervisor/inbox.h"

#include <spdlog/fmt/fmt.h>

#include <utility>
#include <variant>

#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

void log_ignored(const char* what, const std::string& run_id, const Refusal& refusal) {
  log::info("Ignoring {}: run_id={} ({})", what, log::one_line(run_id),
            log::one_line(refusal.message));
}

}  // namespace

Inbox::Inbox(Settings settings, Ledger& ledger, Intake& intake, Commands& commands,
             StartedCommands& started, std::function<void(CommandAnswer)> answer)
    : settings_(std::move(settings)),
      ledger_(ledger),
      intake_(intake),
      commands_(commands),
      started_(started),
      answer_(std::move(answer)) {}

void Inbox::received(Inbound message, const Held& held) {
  std::visit([&](auto& one) { handle(std::move(one), held); }, message);
}

void Inbox::handle(RunStart message, const Held& held) {
  if (const ipc::Started* before = started_.find(message.command_id)) {
    answer_start(*before);
    return;
  }
  if (under_way_.contains(message.command_id)) return;  // its answer is on the way
  Intake::Order order;
  order.run_id = message.run_id ? *message.run_id : random_uuid();
  if (!ipc::valid_run_id(order.run_id)) {
    answer_(malformed_command(message.command_id,
                              fmt::format("run_id: must match {}", ipc::kRunIdRule)));
    return;
  }
  order.command_id = message.command_id;
  order.question.kind = ipc::PrepareRequest::Kind::launch;
  order.question.variables = std::move(message.variables);
  const std::string workflow = log::one_line(message.workflow_id);
  order.question.workflow_id = std::move(message.workflow_id);
  under_way_.insert(message.command_id);
  const std::string run_id = order.run_id;
  intake_.take(std::move(order), [this, command_id = std::move(message.command_id), workflow,
                                  run_id, held](const Intake::Taken& taken) {
    if (taken.run == nullptr) return refused(command_id, run_id, taken, held);
    under_way_.erase(command_id);
    ipc::Started started;
    started.command_id = command_id;
    started.run_id = run_id;
    started_.add(started);
    answer_start(started);
    log::info("Remote run started: run_id={} workflow_id={} command_id={}", run_id, workflow,
              log::one_line(command_id));
  });
}

// A refusal is an answer too: it is written down before it is given, except where nothing can be
// written.
void Inbox::refused(const std::string& command_id, const std::string& run_id,
                    const Intake::Taken& taken, const Held& held) {
  const Refusal& refusal = *taken.refusal;
  ipc::Started started;
  started.command_id = command_id;
  started.run_id = run_id;
  started.ok = false;
  started.code = refusal.code;
  started.message = kept_words(refusal.message, kMostWordsOfAStart);
  started.run_id_known = refusal.names_run;
  const bool passing = refusal.code == "disk_full" || refusal.code == "shutting_down" ||
                       refusal.code == "held" || refusal.code == "draining" ||
                       refusal.code == "no_sandbox";
  if (passing) {
    // Another try may find it better.
    under_way_.erase(command_id);
    started.code = "internal_error";
    answer_start(started);
    return;
  }
  ledger_.append({0, started}, [this, started, held](const ipc::Result<void>& result) {
    under_way_.erase(started.command_id);
    if (result) started_.add(started);
    answer_start(started);
  });
}

void Inbox::answer_start(const ipc::Started& started) {
  answer_({started.command_id,
           started.run_id_known ? std::optional<std::string>(started.run_id) : std::nullopt,
           {started.ok, started.code, started.message}});
}

void Inbox::answer(const std::string& run_id, const std::string& command_id,
                   const CommandRefusal& refusal) {
  CommandOutcome outcome{true, {}, {}};
  if (refusal) outcome = {false, refusal->code, refusal->message};
  answer_({command_id, run_id, std::move(outcome)});
}

void Inbox::handle(RunResume message, const Held& held) {
  log::info("Routing gateway resume command: run_id={} approved={}", log::one_line(message.run_id),
            message.approved);
  Commands::Decision decision;
  decision.run_id = message.run_id;
  decision.approved = message.approved;
  decision.note = std::move(message.note);
  decision.command_id = message.command_id.value_or("");
  decision.pause = std::move(message.pause);
  commands_.decide(std::move(decision),
                   [this, message = std::move(message), held](const CommandRefusal& refusal) {
                     if (refusal) log_ignored("resume", message.run_id, *refusal);
                     if (message.wants_answer)
                       answer(message.run_id, message.command_id.value_or(""), refusal);
                   });
}

void Inbox::handle(RunCancel message, const Held& held) {
  log::info("Routing gateway cancel command: run_id={}", log::one_line(message.run_id));
  Commands::Cancellation cancellation;
  cancellation.run_id = message.run_id;
  cancellation.note = std::move(message.note);
  cancellation.command_id = message.command_id.value_or("");
  cancellation.grace_ms = static_cast<std::uint64_t>(settings_.kill_grace.count());
  commands_.cancel(std::move(cancellation),
                   [this, message = std::move(message), held](const CommandRefusal& refusal) {
                     if (refusal) log_ignored("cancel", message.run_id, *refusal);
                     if (message.wants_answer)
                       answer(message.run_id, message.command_id.value_or(""), refusal);
                   });
}

void Inbox::handle(RunInput message, const Held& held) {
  log::info("Routing gateway input command: run_id={} kind={}", log::one_line(message.run_id),
            log::one_line(message.kind));
  Commands::Submission submission;
  submission.run_id = message.run_id;
  submission.input = std::move(message.input);
  submission.command_id = message.command_id;
  submission.pause = std::move(message.pause);
  commands_.submit(
      std::move(submission),
      [this, run_id = std::move(message.run_id), command_id = std::move(message.command_id),
       held](const CommandRefusal& refusal) { answer(run_id, command_id, refusal); });
}

void Inbox::handle(Malformed message, const Held& /*held*/) {
  answer_(malformed_command(std::move(message.command_id), std::move(message.message)));
}

void Inbox::handle(const Ignored& message, const Held& /*held*/) {
  log::warning("Ignoring a gateway message: {}", log::one_line(message.what));
}

}  // namespace charter::supervisor
