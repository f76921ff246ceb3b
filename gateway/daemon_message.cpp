#include "gateway/daemon_message.h"

#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "ipc/json_scan.h"

namespace charter::gateway {
namespace {

using ipc::JsonKind;
using ipc::JsonMember;
using Members = std::vector<JsonMember>;

// The members of an object whose size is already bounded by the message's. What is dropped here is
// lost, so the bounds on nesting and members are far above what a daemon makes.
ipc::Result<Members> scan(std::string_view text) {
  ipc::JsonLimits limits;
  limits.max_bytes = text.size();
  limits.max_depth = 10'000;
  limits.max_members = ipc::kMostMembers;
  return ipc::scan_object(text, limits);
}

std::optional<std::int64_t> whole_number(const JsonMember& member) {
  if (member.kind != JsonKind::number) return std::nullopt;
  std::int64_t value = 0;
  const char* end = member.raw.data() + member.raw.size();
  const auto [at, error] = std::from_chars(member.raw.data(), end, value);
  if (error != std::errc{} || at != end) return std::nullopt;
  return value;
}

// Takes typed fields out of one message and remembers the first that is missing or wrong.
class Fields {
 public:
  Fields(const Members& members, std::string_view where) : members_(members), where_(where) {}

  std::string text(std::string_view name) {
    auto value = optional_text(name);
    if (!value) fail(name, "must be a string");
    return std::move(value).value_or(std::string());
  }

  // Nothing when it is absent or null.
  std::optional<std::string> optional_text(std::string_view name) {
    const JsonMember* member = ipc::find(members_, name);
    if (member == nullptr || member->kind == JsonKind::null) return std::nullopt;
    auto value = ipc::json_string(member->raw);
    if (!value) fail(name, "must be a string or null");
    return value;
  }

  std::int64_t count(std::string_view name) {
    const JsonMember* member = ipc::find(members_, name);
    const auto value = member == nullptr ? std::nullopt : whole_number(*member);
    if (!value || *value < 0) fail(name, "must be a whole number, 0 or more");
    if (value && *value > kHighestCount) fail(name, "is out of range");
    return value.value_or(0);
  }

  std::optional<std::int64_t> optional_number(std::string_view name) {
    const JsonMember* member = ipc::find(members_, name);
    if (member == nullptr || member->kind == JsonKind::null) return std::nullopt;
    const auto value = whole_number(*member);
    if (!value) fail(name, "must be a whole number or null");
    return value;
  }

  bool boolean(std::string_view name) {
    const JsonMember* member = ipc::find(members_, name);
    if (member == nullptr || member->kind != JsonKind::boolean) fail(name, "must be a boolean");
    return member != nullptr && member->raw == "true";
  }

  // The text of an object; empty when it is something else.
  std::string_view object(std::string_view name) {
    const JsonMember* member = ipc::find(members_, name);
    if (member == nullptr || member->kind != JsonKind::object) {
      fail(name, "must be an object");
      return {};
    }
    return member->raw;
  }

  [[nodiscard]] bool ok() const { return error_.empty(); }
  [[nodiscard]] ipc::Error error() const { return ipc::plain_error(error_); }

 private:
  void fail(std::string_view name, std::string_view why) {
    if (!error_.empty()) return;
    error_ = std::string(where_) + ": " + std::string(name) + " " + std::string(why);
  }

  const Members& members_;
  std::string_view where_;
  std::string error_;
};

EventKind kind_of(std::string_view name, bool approved) {
  struct Entry {
    std::string_view name;
    EventKind kind;
  };
  static constexpr std::array kKinds = {
      Entry{"StepStartEvent", EventKind::step_moves},
      Entry{"StepCompleteEvent", EventKind::step_complete},
      Entry{"StepSkippedEvent", EventKind::step_moves},
      Entry{"StepFailedEvent", EventKind::step_moves},
      Entry{"GatePendingEvent", EventKind::gate_pending},
      Entry{"InputPendingEvent", EventKind::input_pending},
      Entry{"GateDecisionEvent", EventKind::gate_refused},
      Entry{"RunCompleteEvent", EventKind::completed},
      Entry{"RunCancelledEvent", EventKind::cancelled},
      Entry{"RunFailedEvent", EventKind::failed},
  };
  for (const Entry& entry : kKinds) {
    if (entry.name != name) continue;
    return entry.kind == EventKind::gate_refused && approved ? EventKind::gate_approved
                                                             : entry.kind;
  }
  return EventKind::other;
}

ipc::Result<DaemonMessage> read_register(Fields fields) {
  Registration message{.worker_id = fields.text("worker_id"), .max_runs = std::nullopt};
  const std::string_view capabilities = fields.object("capabilities");
  if (!fields.ok()) return fields.error();
  if (message.worker_id.empty()) return ipc::plain_error("worker.register: worker_id is empty");
  const auto members = scan(capabilities);
  if (!members) return members.error();
  // Capabilities are the daemon's own words; only this one is understood, and only as a number.
  const JsonMember* max_runs = ipc::find(*members, "max_runs");
  if (max_runs != nullptr) message.max_runs = whole_number(*max_runs);
  return DaemonMessage(std::move(message));
}

ipc::Result<DaemonMessage> read_announced(Fields fields) {
  Announcement message{.run_id = fields.text("run_id"),
                       .status = fields.text("status"),
                       .workflow_path = fields.optional_text("workflow_path"),
                       .started_at = fields.optional_text("started_at").value_or("")};
  if (!fields.ok()) return fields.error();
  return DaemonMessage(std::move(message));
}

ipc::Result<DaemonMessage> read_event(Fields fields, std::string& text) {
  EventMessage message;
  message.run_id = fields.text("run_id");
  message.seq = fields.count("seq");
  message.stream_seq = fields.optional_number("stream_seq");
  message.occurred_at = fields.text("occurred_at");
  const std::string_view event = fields.object("event");
  if (!fields.ok()) return fields.error();
  if (auto read = read_event_object(event, "run.event: event", message); !read) {
    return read.error();
  }
  message.offset = static_cast<std::size_t>(event.data() - text.data());
  message.size = event.size();
  message.text = std::move(text);
  return DaemonMessage(std::move(message));
}

ipc::Result<DaemonMessage> read_heartbeat(Fields fields) {
  const std::string_view load = fields.object("load");
  if (!fields.ok()) return fields.error();
  const auto members = scan(load);
  if (!members) return members.error();
  Fields counts(*members, "worker.heartbeat: load");
  const Heartbeat message{.running = counts.count("running"), .paused = counts.count("paused")};
  if (!counts.ok()) return counts.error();
  return DaemonMessage(message);
}

ipc::Result<DaemonMessage> read_answer(Fields fields, bool with_ok) {
  CommandAnswer message{.command_id = fields.text("command_id"),
                        .ok = with_ok && fields.boolean("ok"),
                        .code = fields.optional_text("code"),
                        .reason = fields.optional_text("message")};
  if (!fields.ok()) return fields.error();
  return DaemonMessage(std::move(message));
}

std::string text_in(const Members& members, std::string_view name) {
  const JsonMember* member = ipc::find(members, name);
  return member == nullptr ? std::string() : ipc::json_string(member->raw).value_or("");
}

}  // namespace

ipc::Result<void> read_event_object(std::string_view event, std::string_view where,
                                    EventMessage& message) {
  const auto members = scan(event);
  if (!members) return members.error();
  Fields fields(*members, where);
  const std::string kind = fields.text("kind");
  if (!fields.ok()) return fields.error();
  const JsonMember* approved = ipc::find(*members, "approved");
  message.kind = kind_of(kind, approved != nullptr && approved->raw == "true");
  if (message.kind == EventKind::failed) message.error = text_in(*members, "error");
  if (status_after(message.kind) == "paused") message.step_id = text_in(*members, "step_id");
  return {};
}

ipc::Result<DaemonMessage> parse_daemon_message(std::string text) {
  const auto members = scan(text);
  if (!members) return members.error();
  const JsonMember* member = ipc::find(*members, "type");
  const auto type = member == nullptr ? std::nullopt : ipc::json_string(member->raw);
  if (!type) return ipc::plain_error("type: must be a string");
  const Fields fields(*members, *type);
  if (*type == "run.event") return read_event(fields, text);
  if (*type == "run.announced") return read_announced(fields);
  if (*type == "worker.register") return read_register(fields);
  if (*type == "worker.heartbeat") return read_heartbeat(fields);
  if (*type == "command.result") return read_answer(fields, true);
  if (*type == "command.error") return read_answer(fields, false);
  return ipc::plain_error("type: unknown");
}

std::string_view status_after(EventKind kind) {
  switch (kind) {
    case EventKind::other:
    case EventKind::gate_refused:
      return {};
    case EventKind::step_moves:
    case EventKind::step_complete:
    case EventKind::gate_approved:
      return "running";
    case EventKind::gate_pending:
    case EventKind::input_pending:
      return "paused";
    case EventKind::completed:
      return "completed";
    case EventKind::cancelled:
      return "cancelled";
    case EventKind::failed:
      return "failed";
  }
  return {};
}

bool terminal_status(std::string_view status) {
  return status == "completed" || status == "failed" || status == "cancelled";
}

std::string workflow_of_path(std::string_view plan) {
  const auto file = plan.rfind('/');
  if (file == std::string_view::npos || file == 0) return {};
  const std::string_view directory = plan.substr(0, file);
  const auto parent = directory.rfind('/');
  return std::string(parent == std::string_view::npos ? directory : directory.substr(parent + 1));
}

}  // namespace charter::gateway
