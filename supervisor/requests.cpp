#include "supervisor/requests.h"

#include <spdlog/fmt/fmt.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <memory>
#include <utility>
#include <variant>
#include <vector>

#include "ipc/json_object.h"
#include "ipc/option_table.h"
#include "ipc/versions.h"
#include "supervisor/event_follower.h"
#include "supervisor/file_run.h"
#include "supervisor/hand_off.h"
#include "supervisor/kill_report.h"
#include "supervisor/log.h"
#include "supervisor/request_fields.h"
#include "supervisor/retrying.h"
#include "supervisor/run_view.h"

namespace charter::supervisor {
namespace {

constexpr std::uint64_t kMaxGrace = std::numeric_limits<std::int32_t>::max();

void refuse(const SessionPtr& session, std::string_view code, std::string_view text) {
  session->send_last(
      ipc::JsonObject().flag("ok", false).text("code", code).text("error", text).str());
}

void refuse(const SessionPtr& session, const Refusal& refusal) {
  refuse(session, refusal.code, refusal.message);
}

// 0 for what is no number that a version can be.
std::uint32_t number_of(std::string_view digits) {
  std::uint32_t number = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return read.ec == std::errc() && read.ptr == digits.data() + digits.size() ? number : 0;
}

std::string formats_json() {
  ipc::JsonObject formats;
  for (const ipc::FormatVersion& format : ipc::format_versions()) {
    formats.number(format.name, format.version);
  }
  return formats.str();
}

}  // namespace

// What becomes of the run when its worker is lost; empty when that is left to the daemon.
std::string Requests::read_on_lost(Fields& fields) {
  auto said = fields.optional_text("on_lost");
  if (!said) return {};
  if (*said != kFailLost && *said != kResumeLost) fields.wrong("on_lost", "must be fail or resume");
  return std::move(*said);
}

Requests::Requests(Settings settings, const ipc::Layout& layout, Registry& registry, Intake& intake,
                   Commands& commands, Hooks hooks)
    : settings_(std::move(settings)),
      layout_(layout),
      registry_(registry),
      intake_(intake),
      commands_(commands),
      hooks_(std::move(hooks)) {}

void Requests::handle(const SessionPtr& session, std::string_view line) {
  ipc::JsonLimits limits;
  limits.max_bytes = std::numeric_limits<std::size_t>::max();  // the reader has measured it
  limits.python_extras = true;
  const auto members = ipc::scan_object(line, limits);
  if (!members) {
    log::info("Refused a request: {}", members.error().what);
    const bool other_json = ipc::check_json(line, limits).has_value();
    const std::string text = other_json ? not_a_request(line) : "Invalid JSON request";
    session->send_last(ipc::JsonObject().flag("ok", false).text("error", text).str());
    return;
  }
  const ipc::JsonMember* type = ipc::find(*members, "type");
  if (type != nullptr && ipc::json_string(type->raw) == "control") {
    control(session, *members);
  } else {
    hand_off(session, line, *members);
  }
}

void Requests::hand_off(const SessionPtr& session, std::string_view line, const Members& members) {
  auto read = read_hand_off(line, members);
  if (const auto* problem = std::get_if<std::string>(&read)) {
    session->send_last(ipc::JsonObject().flag("ok", false).text("error", *problem).str());
    return;
  }
  auto& request = std::get<HandOffRequest>(read);
  log::info("Received start_run request: run_id={} workflow_id={} workflow_path={}",
            log::one_line(request.run_id), log::one_line(request.question.workflow_id),
            log::one_line(request.question.workflow_path));
  Intake::Order order{request.run_id, std::move(request.question), std::nullopt};
  intake_.take(std::move(order), [session](const Intake::Taken& taken) {
    if (taken.run != nullptr) {
      session->send_last(R"({"ok":true})");
      return;
    }
    log::warning("Refused a run: {}", log::one_line(taken.refusal->message));
    session->send_last(
        ipc::JsonObject().flag("ok", false).text("error", taken.refusal->message).str());
  });
}

void Requests::control(const SessionPtr& session, const Members& members) {
  const ipc::JsonMember* version = ipc::find(members, "version");
  if (version == nullptr || !ipc::readable(number_of(version->raw), ipc::kControlVersion)) {
    const bool numeric = version != nullptr && version->kind == ipc::JsonKind::number;
    return refuse(
        session, numeric ? "unsupported_version" : "invalid_request",
        fmt::format("Control requests of version {}, this daemon speaks version {}",
                    numeric ? version->raw.substr(0, 20) : "(none)", ipc::kControlVersion));
  }
  const ipc::JsonMember* op = ipc::find(members, "op");
  const std::string name = op == nullptr ? "" : ipc::json_string(op->raw).value_or("");
  Fields fields(members);
  const auto plain = [&](void (Requests::*act)(const SessionPtr&)) {
    if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
    (this->*act)(session);
  };
  if (name == "ping") return plain(&Requests::ping);
  if (name == "run") return run(session, fields);
  if (name == "retry") return retry(session, fields);
  if (name == "list") return plain(&Requests::list);
  if (name == "status") return status(session, fields);
  if (name == "events") return events(session, fields);
  if (name == "kill") return kill(session, fields);
  if (name == "resume") return resume(session, fields);
  if (name == "submit") return submit(session, fields);
  if (name == "stop") return stop(session, fields);
  if (name == "drain") return drain(session, fields);
  if (name == "reload") return plain(&Requests::reload);
  if (name == "adopt") return plain(&Requests::adopt);
  if (name == "forget") return forget(session, fields);
  refuse(session, "invalid_request", op == nullptr ? "op: is required" : "op: unknown operation");
}

void Requests::ping(const SessionPtr& session) {
  session->send_last(ipc::JsonObject()
                         .flag("ok", true)
                         .text("version", ipc::product_version())
                         .number("pid", ::getpid())
                         .text("project", layout_.root())
                         .text("worker_id", settings_.worker_id)
                         .raw("formats", formats_json())
                         .str());
}

void Requests::run(const SessionPtr& session, Fields& fields) {
  Intake::Order order;
  order.question.kind = ipc::PrepareRequest::Kind::launch;
  order.question.text_variables = true;
  order.question.workflow_id = fields.text("workflow");
  order.question.variables = fields.object("variables");
  order.on_lost = read_on_lost(fields);
  auto run_id = fields.optional_text("run_id");
  const auto sandbox = fields.optional_text("sandbox");
  if (fields.good() && sandbox && *sandbox != "project") {
    return refuse(session, "invalid_request", "sandbox: must be 'project' where it is given");
  }
  order.sandbox = sandbox.has_value();
  if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
  order.run_id = run_id ? std::move(*run_id) : random_uuid();
  take(session, std::move(order));
}

// The run's plan is not read again: the old run's snapshot is the new one's.
void Requests::retry(const SessionPtr& session, Fields& fields) {
  const std::string old_id = fields.text("run_id");
  auto new_id = fields.optional_text("new_run_id");
  const std::string on_lost = read_on_lost(fields);
  if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
  if (!new_id) new_id = random_uuid();
  const RunPtr known = registry_.find(old_id);
  if (known == nullptr || !UntilOver::awaits(*known)) {
    return retry(session, old_id, *new_id, on_lost);
  }
  const auto waiting =
      std::make_shared<UntilOver>([this, weak = std::weak_ptr(session), old_id, new_id, on_lost] {
        if (const SessionPtr waits = weak.lock()) retry(waits, old_id, *new_id, on_lost);
      });
  session->keep(waiting);
  watch(*known, waiting);
}

void Requests::retry(const SessionPtr& session, const std::string& old_id,
                     const std::string& new_id, const std::string& on_lost) {
  auto found = retry_order(layout_, registry_, old_id, new_id);
  if (const auto* refusal = std::get_if<Refusal>(&found)) return refuse(session, *refusal);
  auto& order = std::get<Intake::Order>(found);
  order.on_lost = on_lost;
  take(session, std::move(order));
}

void Requests::take(const SessionPtr& session, Intake::Order order) {
  intake_.take(std::move(order), [session](const Intake::Taken& taken) {
    if (taken.run == nullptr) return refuse(session, *taken.refusal);
    ipc::JsonObject answer;
    answer.flag("ok", true).text("run_id", taken.run->id);
    answer.text_or_null("workflow_path", taken.run->workflow_path);
    if (!taken.run->retry_of.empty()) answer.text("retry_of", taken.run->retry_of);
    session->send_last(answer.str());
  });
}

void Requests::list(const SessionPtr& session) {
  // In the order they were accepted in, whether they are over and delivered or not.
  std::vector<std::pair<std::uint64_t, std::string>> views;
  for (const FinishedRun& one : registry_.finished()) views.emplace_back(one.order, view_of(one));
  for (const RunPtr& one : registry_.in_order()) views.emplace_back(one->order, view_of(*one));
  std::ranges::stable_sort(views, {}, [](const auto& view) { return view.first; });
  ipc::JsonArray runs;
  for (const auto& [order, view] : views) runs.raw(view);
  session->send_last(ipc::JsonObject().flag("ok", true).raw("runs", runs.str()).str());
}

void Requests::unknown_run(const SessionPtr& session, const std::string& run_id) const {
  refuse(session, "unknown_run", fmt::format("No run '{}'", run_id));
}

void Requests::status(const SessionPtr& session, Fields& fields) {
  const auto run_id = fields.optional_text("run_id");
  if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
  if (!run_id) {
    session->send_last(
        ipc::JsonObject().flag("ok", true).raw("daemon", hooks_.daemon_view()).str());
    return;
  }
  std::string view;
  if (const RunPtr known = registry_.find(*run_id)) {
    view = view_of(*known);
  } else if (const FinishedRun* finished = registry_.find_finished(*run_id)) {
    view = view_of(*finished);
  } else if (const auto old = finished_in_journal(layout_, *run_id)) {
    view = view_of(*old);
  } else {
    return unknown_run(session, *run_id);
  }
  session->send_last(ipc::JsonObject().flag("ok", true).raw("run", view).str());
}

void Requests::events(const SessionPtr& session, Fields& fields) {
  EventFollower::Order order;
  order.run_id = fields.text("run_id");
  order.from = fields.optional_number("from", std::numeric_limits<std::int64_t>::max()).value_or(0);
  order.follow = fields.flag("follow", false);
  if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
  const RunPtr known = registry_.find(order.run_id);
  if (known == nullptr && !finished_in_journal(layout_, order.run_id)) {
    return unknown_run(session, order.run_id);
  }
  order.worker_id = settings_.worker_id;
  order.journal = layout_.journal(order.run_id);
  const auto follower = std::make_shared<EventFollower>(session, known, std::move(order));
  session->keep(follower);
  if (known != nullptr) {
    watch(*known, follower);
    hooks_.watched(known);
  }
  follower->pump();
}

void Requests::kill(const SessionPtr& session, Fields& fields) {
  Commands::Cancellation order;
  order.run_id = fields.text("run_id");
  order.note = fields.optional_text("note");
  order.grace_ms = fields.optional_number("grace_ms", kMaxGrace)
                       .value_or(static_cast<std::uint64_t>(settings_.kill_grace.count()));
  order.asker_uid = session->peer();
  order.by_client = true;
  if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
  const RunPtr known = registry_.find(order.run_id);
  if (known == nullptr || known->state == RunState::finished) {
    const FinishedRun* finished = registry_.find_finished(order.run_id);
    if (known != nullptr) return session->send_last(already_finished(known->wire));
    if (finished != nullptr) return session->send_last(already_finished(finished->wire));
    if (const auto old = finished_in_journal(layout_, order.run_id)) {
      return session->send_last(already_finished(old->wire));
    }
    return refuse(session, refuse_to_kill_file(layout_, order.run_id));
  }
  const auto report = std::make_shared<KillReport>(session);
  session->keep(report);
  watch(*known, report);
  commands_.cancel(std::move(order), [session, known, report](const CommandRefusal& refusal) {
    if (!refusal) return;
    if (refusal->code == "already_finished") return report->moved(*known);
    refuse(session, *refusal);
  });
}

void Requests::resume(const SessionPtr& session, Fields& fields) {
  Commands::Decision decision;
  decision.run_id = fields.text("run_id");
  decision.approved = fields.flag("approved", std::nullopt);
  decision.note = fields.optional_text("note");
  decision.asker_uid = session->peer();
  if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
  commands_.decide(decision, [session, run_id = decision.run_id](const CommandRefusal& refusal) {
    if (refusal) return refuse(session, *refusal);
    session->send_last(ipc::JsonObject().flag("ok", true).text("run_id", run_id).str());
  });
}

void Requests::submit(const SessionPtr& session, Fields& fields) {
  Commands::Submission submission;
  submission.run_id = fields.text("run_id");
  submission.input = R"({"kind":"form","answers":)" + fields.object("answers") + "}";
  submission.asker_uid = session->peer();
  if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
  const std::string run_id = submission.run_id;
  commands_.submit(std::move(submission), [this, session, run_id](const CommandRefusal& refusal) {
    if (!refusal) {
      session->send_last(ipc::JsonObject().flag("ok", true).text("run_id", run_id).str());
    } else if (registry_.find(run_id) == nullptr && registry_.find_finished(run_id) == nullptr) {
      unknown_run(session, run_id);
    } else {
      refuse(session, *refusal);
    }
  });
}

void Requests::stop(const SessionPtr& session, Fields& fields) {
  const bool runs = fields.flag("runs", false);
  if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
  hooks_.stop(runs, [this, session] { send_counts(session); });
}

void Requests::drain(const SessionPtr& session, Fields& fields) {
  const bool off = fields.flag("off", false);
  const bool stay = fields.flag("stay", false);
  if (off && stay) fields.wrong("stay", "cannot be given with 'off'");
  if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
  if (!off) {
    hooks_.drain(stay);
  } else if (!hooks_.take_drain_back()) {
    return refuse(session, "invalid_request", "The daemon does not drain");
  }
  send_counts(session);
}

void Requests::reload(const SessionPtr& session) {
  const auto answer = hooks_.reload();
  if (!answer) {
    return refuse(
        session, "bad_config",
        "Nothing was changed: " +
            (ipc::is_usage_error(answer.error()) ? answer.error().what : answer.error().message()));
  }
  session->send_last(*answer);
}

// What there is of runs that are not over.
void Requests::send_counts(const SessionPtr& session) const {
  const Registry::Counts counts = registry_.counts();
  session->send_last(
      ipc::JsonObject()
          .flag("ok", true)
          .number("executing", static_cast<std::int64_t>(counts.executing + counts.unreachable))
          .number("queued", static_cast<std::int64_t>(counts.queued))
          .number("paused", static_cast<std::int64_t>(counts.paused))
          .str());
}

void Requests::forget(const SessionPtr& session, Fields& fields) {
  Forgetting::Order order;
  order.run_id = fields.text("run_id");
  order.undelivered = fields.flag("undelivered", false);
  if (!fields.good()) return refuse(session, "invalid_request", fields.problem());
  hooks_.forget(order, [session, id = order.run_id](const std::optional<Refusal>& refusal) {
    if (refusal) return refuse(session, *refusal);
    session->send_last(ipc::JsonObject().flag("ok", true).text("run_id", id).str());
  });
}

void Requests::adopt(const SessionPtr& session) {
  hooks_.adopt([session](const CommandRefusal& refusal) {
    if (refusal) return refuse(session, *refusal);
    session->send_last(R"({"ok":true})");
  });
}

}  // namespace charter::supervisor
