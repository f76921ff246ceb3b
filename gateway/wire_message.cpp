#include "gateway/wire_message.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "ipc/journal.h"
#include "ipc/json_scan.h"
#include "ipc/optional_text.h"

namespace charter::gateway {
namespace {

namespace wire = ipc::wire;

constexpr std::uint64_t kHighest = kHighestCount;

std::int64_t count(std::uint64_t number) {
  return static_cast<std::int64_t>(std::min(number, kHighest));
}

void acknowledge(wire::Acks& acks, const std::string& run_id, std::uint64_t seq) {
  // A message mostly carries one run.
  if (!acks.empty() && acks.back().run_id == run_id) {
    acks.back().seq = std::max(acks.back().seq, seq);
  } else {
    acks.push_back({run_id, seq});
  }
}

ipc::Result<void> add_event(const std::string& frame, WireMessage& out) {
  auto carried = wire::event_of(frame);
  if (!carried) return carried.error();
  ipc::Event& event = carried->event;
  if (event.seq > kHighest) return ipc::plain_error("an event's seq is out of range");
  acknowledge(out.acks, event.run_id, event.seq);
  EventMessage message;
  if (auto read = read_event_object(event.json, "events: json", message); !read) {
    out.dropped.push_back(read.error());
    return {};
  }
  message.run_id = std::move(event.run_id);
  message.seq = count(event.seq);
  message.occurred_at = ipc::wire_time(carried->at_us);
  message.stream_seq = event.stream_seq;
  if (event.pause > 0) message.pause = event.pause;
  message.size = event.json.size();
  message.text = std::move(event.json);
  out.messages.emplace_back(std::move(message));
  return {};
}

struct Reader {
  WireMessage& out;

  ipc::Result<void> operator()(wire::Register& v) {
    out.messages.emplace_back(Registration{.worker_id = std::move(v.worker_id),
                                           .max_runs = v.max_runs,
                                           .tells_output = v.tells_output});
    return {};
  }
  ipc::Result<void> operator()(wire::Announced& v) {
    out.messages.emplace_back(
        Announcement{.run_id = std::move(v.run_id),
                     .status = std::move(v.status),
                     .workflow_path = ipc::unless_empty(std::move(v.workflow_path)),
                     .started_at = std::move(v.started_at)});
    return {};
  }
  ipc::Result<void> operator()(wire::Events& v) {
    for (const std::string& frame : v.frames) {
      if (auto added = add_event(frame, out); !added) return added;
    }
    return {};
  }
  ipc::Result<void> operator()(wire::Heartbeat& v) {
    out.messages.emplace_back(Heartbeat{.running = count(v.running), .paused = count(v.paused)});
    return {};
  }
  ipc::Result<void> operator()(wire::CommandResult& v) {
    out.messages.emplace_back(CommandAnswer{.command_id = std::move(v.command_id),
                                            .ok = v.ok,
                                            .code = ipc::unless_empty(std::move(v.code)),
                                            .reason = ipc::unless_empty(std::move(v.message))});
    return {};
  }
  ipc::Result<void> operator()(wire::Described& v) {
    out.described = std::move(v);
    return {};
  }
  ipc::Result<void> operator()(wire::Output& v) {
    out.output = std::move(v);
    return {};
  }
};

// The fields of a command that this gateway has made itself.
class Fields {
 public:
  explicit Fields(std::string_view json) {
    ipc::JsonLimits limits;
    limits.max_bytes = json.size();
    if (auto members = ipc::scan_object(json, limits)) members_ = std::move(*members);
  }
  [[nodiscard]] std::string raw(std::string_view name) const {
    const ipc::JsonMember* member = ipc::find(members_, name);
    return member == nullptr ? std::string() : std::string(member->raw);
  }
  [[nodiscard]] std::optional<std::string> text(std::string_view name) const {
    return ipc::json_string(raw(name));
  }

 private:
  std::vector<ipc::JsonMember> members_;
};

}  // namespace

ipc::Result<WireMessage> read_wire_message(std::string_view bytes) {
  auto message = wire::decode_to_gateway(bytes);
  if (!message) return message.error();
  WireMessage out;
  if (auto read = std::visit(Reader{out}, *message); !read) return read.error();
  return out;
}

std::string wire_command(const CommandRow& command) {
  const Fields fields(command.message);
  wire::Command out;
  out.command_id = command.command_id;
  out.run_id = command.run_id;
  if (command.kind == "start") {
    out.order = wire::Start{fields.text("workflow_id").value_or(""), fields.raw("variables")};
  } else if (command.kind == "cancel") {
    out.order = wire::Cancel{fields.text("note")};
  } else {
    out.step_id = command.wait_step.value_or("");
    out.pause = static_cast<std::uint32_t>(command.wait_pause.value_or(0));
    if (command.kind == "resume") {
      out.order = wire::Resume{fields.raw("approved") == "true", fields.text("note")};
    } else {
      out.order = wire::Input{fields.raw("input")};
    }
  }
  return wire::encode(wire::ToDaemon(std::move(out)));
}

}  // namespace charter::gateway
