#include "supervisor/commands.h"

#include <spdlog/fmt/fmt.h>

#include <algorithm>
#include <utility>

#include "supervisor/burst.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

// Whether the run has answered a command with this id, or has it before it.
bool seen(const Run& run, const std::string& command_id) {
  if (command_id.empty()) return false;
  const auto same = [&](const auto& one) { return one.command_id == command_id; };
  return std::any_of(run.commands.begin(), run.commands.end(), same) ||
         std::any_of(run.answered.begin(), run.answered.end(), same);
}

// Paused, or about to be: an answer to a pause that is known may come before its burst has closed.
bool waits(const Run& run) {
  if (run.state == RunState::paused) return true;
  return run.state == RunState::ending && run.burst != nullptr && !run.burst->projecting &&
         run.burst->summary.last == ipc::JournalSummary::Last::paused;
}

Refusal not_paused(const Run& run) {
  return {"not_paused",
          fmt::format("Run '{}' is not paused (state: '{}')", run.id, name_of(run.state))};
}

Refusal unknown(const std::string& run_id) {
  return {"unknown_run", fmt::format("No run '{}'", run_id)};
}

}  // namespace

void Commands::decide(Decision decision, Done done) {
  if (const RunPtr run = registry_.find(decision.run_id)) {
    decide_known(run, std::move(decision), std::move(done));
    return;
  }
  if (const FinishedRun* finished = registry_.find_finished(decision.run_id)) {
    done(Refusal{"not_paused", fmt::format("Run '{}' is not paused (status: '{}')", finished->id,
                                           name_of(finished->wire))});
    return;
  }
  intake_.adopt_paused(decision.run_id, [this, decision, done](const Intake::Taken& taken) {
    if (taken.run == nullptr) {
      done(taken.refusal->code == "unknown_run" ? unknown(decision.run_id) : *taken.refusal);
      return;
    }
    decide_known(taken.run, decision, done);
  });
}

void Commands::decide_known(const RunPtr& run, Decision decision, Done done) {
  if (seen(*run, decision.command_id)) return done(std::nullopt);
  if (!waits(*run)) return done(not_paused(*run));
  if (run->waits_at == PauseKind::input) {
    return done(Refusal{"not_paused", fmt::format("Run '{}' waits at an input step '{}', not at a "
                                                  "gate",
                                                  run->id, run->step)});
  }
  if (run->decision() != nullptr || run->cancellation() != nullptr || run->decision_under_way) {
    return done(Refusal{"not_paused", fmt::format("Run '{}' was already decided upon", run->id)});
  }
  ipc::Command command;
  command.run_id = run->id;
  command.number = next_number_++;
  command.command_id = std::move(decision.command_id);
  command.kind = decision.approved ? "approve" : "refuse";
  command.note = std::move(decision.note);
  command.asker_uid = decision.asker_uid;
  command.pause = run->pauses;
  run->decision_under_way = true;
  ledger_.append({0, command}, [this, run, command, done = std::move(done)](const auto& result) {
    run->decision_under_way = false;
    if (!result) return done(refusal_of(result.error()));
    done(std::nullopt);
    accepted(run, command);
  });
}

void Commands::cancel(Cancellation cancellation, Done done) {
  const RunPtr run = registry_.find(cancellation.run_id);
  if (run == nullptr) return done(unknown(cancellation.run_id));
  if (seen(*run, cancellation.command_id)) return done(std::nullopt);
  if (run->state == RunState::finished) {
    return done(Refusal{"already_finished", fmt::format("Run '{}' has finished", run->id)});
  }
  if (run->state == RunState::held) {
    return done(Refusal{"held", fmt::format("Run '{}' is held and has no worker", run->id)});
  }
  ipc::Command command;
  command.run_id = run->id;
  command.number = next_number_++;
  command.command_id = std::move(cancellation.command_id);
  command.kind = cancellation.by_client ? "kill" : "cancel";
  command.note = std::move(cancellation.note);
  command.asker_uid = cancellation.asker_uid;
  command.grace_ms = cancellation.grace_ms;
  command.pause = run->pauses;
  ledger_.append({0, command}, [this, run, command, done = std::move(done)](const auto& result) {
    if (!result && command.kind != "kill") return done(refusal_of(result.error()));
    if (!result) {
      log::warning("The kill of run {} is carried out but not written down: {}", run->id,
                   result.error().message());
    }
    done(std::nullopt);
    accepted(run, command);
  });
}

void Commands::accepted(const RunPtr& run, const ipc::Command& command) {
  if (run->state == RunState::finished) return;
  run->commands.push_back(command);
  conductor_.command_accepted(run);
}

// In the words of the Python daemon, which gateways know.
Refusal Commands::input_refusal(const std::string& run_id) const {
  const RunPtr run = registry_.find(run_id);
  const char* code = "not_waiting_for_input";
  if (run == nullptr || !run->delivery.visible || is_terminal(run->wire)) {
    return {code, fmt::format("Run '{}' is not tracked by this worker", run_id)};
  }
  if (run->state != RunState::paused) {
    return {code, fmt::format("Run '{}' is still executing and not waiting for input", run_id)};
  }
  if (run->waits_at == PauseKind::gate) {
    return {code, fmt::format("Run '{}' is waiting at approval gate '{}', not an input step",
                              run_id, run->step)};
  }
  return {code, fmt::format("Run '{}' is not waiting at an input step", run_id)};
}

}  // namespace charter::supervisor
