#include "supervisor/link/wire_messages.h"

#include <utility>
#include <variant>

#include "ipc/json_scan.h"

namespace charter::supervisor::capnp {
namespace {

namespace wire = ipc::wire;

std::string encoded(wire::ToGateway message) { return wire::encode(message); }

Malformed missing(wire::Command& command, std::string field) {
  return {std::move(command.command_id), std::move(field) + ": Field required"};
}

Inbound read_input(wire::Command command, wire::Input input) {
  const auto fields = ipc::scan_object(input.json, inbound_limits());
  const ipc::JsonMember* kind = fields ? ipc::find(*fields, "kind") : nullptr;
  const auto name = kind == nullptr ? std::nullopt : ipc::json_string(kind->raw);
  if (!name) return missing(command, "input.kind");
  return RunInput{std::move(command.run_id),
                  std::move(command.command_id),
                  *name,
                  std::move(input.json),
                  {command.pause, std::move(command.step_id)}};
}

}  // namespace

std::string register_message(std::string_view worker_id, std::int64_t max_runs,
                             std::vector<std::string> active_runs, bool tells_output) {
  return encoded(wire::Register{wire::kVersion, std::string(worker_id), max_runs,
                                std::move(active_runs), tells_output});
}

std::string announced_message(const Announcement& run) {
  return encoded(wire::Announced{std::string(run.run_id), std::string(run.status),
                                 std::string(run.workflow_path.value_or("")),
                                 std::string(run.started_at.value_or(""))});
}

std::string events_message(std::vector<std::string> frames) {
  return encoded(wire::Events{std::move(frames)});
}

std::string heartbeat_message(std::uint64_t running, std::uint64_t paused) {
  return encoded(wire::Heartbeat{running, paused});
}

std::string answer_message(const CommandAnswer& answer) {
  return encoded(wire::CommandResult{answer.command_id, answer.run_id.value_or(""),
                                     answer.outcome.ok, answer.outcome.code,
                                     answer.outcome.message});
}

Inbound inbound_of(wire::Command command) {
  if (command.command_id.size() > kMaxCommandId) {
    return Malformed{std::move(command.command_id), kCommandIdTooLong};
  }
  if (auto* start = std::get_if<wire::Start>(&command.order)) {
    RunStart out;
    out.command_id = std::move(command.command_id);
    out.workflow_id = std::move(start->workflow_id);
    if (!command.run_id.empty()) out.run_id = std::move(command.run_id);
    if (!start->variables.empty()) out.variables = std::move(start->variables);
    return out;
  }
  if (command.run_id.empty()) return missing(command, "run_id");
  if (auto* resume = std::get_if<wire::Resume>(&command.order)) {
    return RunResume{std::move(command.run_id),
                     resume->approved,
                     std::move(resume->note),
                     std::move(command.command_id),
                     {command.pause, std::move(command.step_id)},
                     true};
  }
  if (auto* cancel = std::get_if<wire::Cancel>(&command.order)) {
    return RunCancel{std::move(command.run_id), std::move(cancel->note),
                     std::move(command.command_id), true};
  }
  wire::Input input = std::get<wire::Input>(std::move(command.order));
  return read_input(std::move(command), std::move(input));
}

}  // namespace charter::supervisor::capnp
