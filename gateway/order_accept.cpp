#include <algorithm>

#include "gateway/order.h"
#include "ipc/json_scan.h"

namespace charter::gateway {
namespace {

ApiError conflict(std::string code, std::string message) {
  return {409, std::move(code), std::move(message)};
}

// The text without the white space between its parts; it has been checked.
std::string dense(std::string_view json) {
  std::string text;
  bool quoted = false;
  for (std::size_t at = 0; at < json.size(); ++at) {
    const char c = json[at];
    if (!quoted && (c == ' ' || c == '\t' || c == '\r' || c == '\n')) continue;
    text += c;
    if (c == '"') quoted = !quoted;
    // What follows is no end of the text.
    if (c == '\\') text += json[++at];
  }
  return text;
}

// Whether the order asks for what the command was made of. A start that names no run and an order
// that names no worker ask for whichever it became.
bool same_order(const CommandRow& before, const Order& order) {
  if (before.kind != order.kind) return false;
  if (!order.worker_id.empty() && before.worker_id != order.worker_id) return false;
  const auto then = ipc::scan_object(before.message, {});
  const auto now = ipc::scan_object(order.message, {});
  if (!then || !now) return false;
  return std::ranges::equal(*then, *now, [&](const ipc::JsonMember& a, const ipc::JsonMember& b) {
    if (a.key != b.key) return false;
    return (order.own_run_id && a.key == "run_id") || dense(a.raw) == dense(b.raw);
  });
}

// What stands against an answer to the run's present pause; nothing when there is none.
std::optional<ApiError> against_answer(Store& store, const Order& order, const RunRow& run) {
  const bool input = order.kind == "input";
  const std::string_view wanted = input ? "input" : "gate";
  if (run.status != "paused") {
    if (input) return conflict("not_waiting_for_input", "the run is not waiting for input");
    return conflict("not_paused", "the run is not paused");
  }
  // Without the event it is only known that the run is paused; the daemon will know better.
  if (run.wait_kind && *run.wait_kind != wanted) {
    if (input) return conflict("not_waiting_for_input", "the run waits for an approval");
    return conflict("not_paused", "the run waits for input, not for an approval");
  }
  for (const CommandRow& other : store.commands.open_of_run(run.id)) {
    const bool answers = other.kind == "resume" || other.kind == "input";
    if (!answers || other.wait_seq != run.wait_seq || other.state == "delivered") continue;
    return conflict("already_answered", "command " + other.command_id + " already answers this");
  }
  return std::nullopt;
}

std::variant<AcceptedOrder, ApiError> keep(Store& store, CommandRow row) {
  store.commands.insert(row);
  return AcceptedOrder{std::move(row), false};
}

std::variant<AcceptedOrder, ApiError> accept_start(Store& store, const Order& order,
                                                   CommandRow row) {
  if (!order.worker_id.empty()) {
    if (!store.workers.known(order.worker_id)) {
      return ApiError{404, "unknown_worker", "no such worker has ever been connected", "worker"};
    }
    row.worker_id = order.worker_id;
  } else if (!order.free_worker.empty()) {
    row.worker_id = order.free_worker;
  }
  return keep(store, std::move(row));
}

}  // namespace

std::variant<AcceptedOrder, ApiError> accept(Store& store, const Order& order,
                                             std::int64_t now_us) {
  if (!order.own_command_id) {
    if (auto before = store.commands.find(order.command_id)) {
      if (same_order(*before, order)) return AcceptedOrder{std::move(*before), true};
      return ApiError{409, "command_id_in_use", "this command id belongs to another command",
                      "command_id"};
    }
  }
  CommandRow row{.command_id = order.command_id,
                 .kind = order.kind,
                 .run_id = order.run_id,
                 .message = order.message,
                 .created_us = now_us};
  if (order.kind == "start") return accept_start(store, order, std::move(row));
  const auto run = store.runs.latest(order.run_id, order.worker_id);
  if (!run) return ApiError{404, "unknown_run", "no such run is known here"};
  if (run->finished_us || terminal_status(run->status)) {
    return conflict("run_finished", "the run has ended: " + run->status);
  }
  if (order.kind != "cancel") {
    if (auto refusal = against_answer(store, order, *run)) return *refusal;
  }
  row.run = run->id;
  row.worker_id = run->worker_id;
  row.wait_seq = run->wait_seq;
  row.wait_step = run->wait_step;
  row.wait_pause = run->wait_pause;
  return keep(store, std::move(row));
}

}  // namespace charter::gateway
