#include "tests/support/recorder/wire.h"

#include <map>
#include <utility>
#include <variant>

#include "ipc/gateway_message.h"
#include "ipc/journal.h"
#include "ipc/json_scan.h"

namespace charter::tests {
namespace {

namespace wire = ipc::wire;
using ipc::quoted;

std::string or_null(const std::string& text) { return text.empty() ? "null" : quoted(text); }

struct Writer {
  std::string& worker;
  WireReader::Heard& out;

  void operator()(const wire::Register& v) const {
    worker = v.worker_id;
    std::string runs;
    for (const std::string& run : v.active_runs) runs += (runs.empty() ? "" : ",") + quoted(run);
    out.messages.push_back(R"({"type":"worker.register","worker_id":)" + quoted(worker) +
                           R"(,"capabilities":{"max_runs":)" + std::to_string(v.max_runs) +
                           R"(},"active_runs":[)" + runs + "]}");
  }
  void operator()(const wire::Announced& v) const {
    out.messages.push_back(R"({"type":"run.announced","run_id":)" + quoted(v.run_id) +
                           R"(,"worker_id":)" + quoted(worker) + R"(,"status":)" +
                           quoted(v.status) + R"(,"workflow_path":)" + or_null(v.workflow_path) +
                           R"(,"started_at":)" + or_null(v.started_at) + "}");
  }
  void operator()(const wire::Events& v) const {
    std::map<std::string, std::uint64_t> acks;
    for (const std::string& frame : v.frames) {
      const auto carried = wire::event_of(frame);
      if (!carried) {
        out.fault = carried.error().message();
        return;
      }
      const ipc::Event& event = carried->event;
      acks[event.run_id] = event.seq;
      std::string text = R"({"type":"run.event","run_id":)";
      text.reserve(event.json.size() + 200);
      text.append(quoted(event.run_id)).append(R"(,"worker_id":)").append(quoted(worker));
      text.append(R"(,"seq":)").append(std::to_string(event.seq));
      text.append(R"(,"stream_seq":)");
      text.append(event.stream_seq ? std::to_string(*event.stream_seq) : "null");
      text.append(R"(,"occurred_at":)");
      text.append(quoted(ipc::wire_time(carried->at_us)));
      out.messages.push_back(text.append(R"(,"event":)").append(event.json).append("}"));
    }
    wire::Acks all;
    for (auto& [run, seq] : acks) all.push_back({run, seq});
    out.acks = wire::encode(wire::ToDaemon(std::move(all)));
  }
  void operator()(const wire::Heartbeat& v) const {
    out.messages.push_back(R"({"type":"worker.heartbeat","worker_id":)" + quoted(worker) +
                           R"(,"load":{"running":)" + std::to_string(v.running) + R"(,"paused":)" +
                           std::to_string(v.paused) + "}}");
  }
  void operator()(const wire::CommandResult& v) const {
    out.messages.push_back(R"({"type":"command.result","worker_id":)" + quoted(worker) +
                           R"(,"run_id":)" + or_null(v.run_id) + R"(,"command_id":)" +
                           quoted(v.command_id) + R"(,"ok":)" + (v.ok ? "true" : "false") +
                           R"(,"code":)" + or_null(v.code) + R"(,"message":)" + or_null(v.message) +
                           "}");
  }
  void operator()(const wire::Described&) const { out.fault = "an answer that nobody asked for"; }
  void operator()(const wire::Output&) const { out.fault = "an answer that nobody asked for"; }
};

class Fields {
 public:
  explicit Fields(std::string_view json) {
    if (auto members = ipc::scan_object(json, {})) members_ = std::move(*members);
  }
  [[nodiscard]] std::string raw(std::string_view name) const {
    const auto* member = ipc::find(members_, name);
    return member == nullptr ? "" : std::string(member->raw);
  }
  [[nodiscard]] std::optional<std::string> maybe(std::string_view name) const {
    return ipc::json_string(raw(name));
  }
  [[nodiscard]] std::string text(std::string_view name) const { return maybe(name).value_or(""); }

 private:
  std::vector<ipc::JsonMember> members_;
};

}  // namespace

WireReader::Heard WireReader::read(std::string_view bytes) {
  Heard heard;
  const auto message = wire::decode_to_gateway(bytes);
  if (message) {
    std::visit(Writer{worker_id_, heard}, *message);
  } else {
    heard.fault = message.error().message();
  }
  return heard;
}

std::string welcome_message() { return wire::encode(wire::ToDaemon(wire::Welcome{})); }

std::optional<std::string> wire_command(std::string_view json) {
  const Fields fields(json);
  const std::string type = fields.text("type");
  // Unlike there, a command without an id has no place here.
  static int unnamed = 0;
  wire::Command out;
  out.command_id = fields.text("command_id");
  if (out.command_id.empty()) out.command_id = "unnamed-" + std::to_string(++unnamed);
  out.run_id = fields.text("run_id");
  out.step_id = fields.text("step_id");
  const std::string pause = fields.raw("pause");
  if (!pause.empty()) out.pause = static_cast<std::uint32_t>(std::stoul(pause));
  if (type == "run.start") {
    out.order = wire::Start{fields.text("workflow_id"), fields.raw("variables")};
  } else if (type == "run.resume") {
    out.order = wire::Resume{fields.raw("approved") == "true", fields.maybe("note")};
  } else if (type == "run.cancel") {
    out.order = wire::Cancel{fields.maybe("note")};
  } else if (type == "run.input") {
    out.order = wire::Input{fields.raw("input")};
  } else {
    return std::nullopt;
  }
  return wire::encode(wire::ToDaemon(std::move(out)));
}

}  // namespace charter::tests
