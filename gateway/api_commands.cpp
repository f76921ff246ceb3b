// Acting: orders for daemons, and what became of them.
#include <spdlog/spdlog.h>

#include "gateway/api.h"
#include "gateway/command_wait.h"
#include "gateway/views.h"
#include "ipc/journal.h"
#include "ipc/json_scan.h"

namespace charter::gateway {

void Api::start(const ApiRequest& request, const Respond& respond) {
  order(request, parse_start(request.body), respond);
}

void Api::resume(const ApiRequest& request, const Respond& respond) {
  order(request, parse_resume(request.body, request.path[2]), respond);
}

void Api::cancel(const ApiRequest& request, const Respond& respond) {
  order(request, parse_cancel(request.body, request.path[2]), respond);
}

void Api::input(const ApiRequest& request, const Respond& respond) {
  order(request, parse_input(request.body, request.path[2]), respond);
}

void Api::order(const ApiRequest& request, ParsedOrder parsed, const Respond& respond) {
  if (auto refusal = unknown_parameter(request, {})) return respond(to_response(*refusal));
  if (const auto* refusal = std::get_if<ApiError>(&parsed)) return respond(to_response(*refusal));
  if (hub_.desk().full()) {
    return respond(to_response({503, "too_many_commands", "too many commands wait already"}));
  }
  auto wanted = std::get<Order>(std::move(parsed));
  if (wanted.kind == "start" && wanted.worker_id.empty()) {
    if (const DaemonSession* worker = hub_.desk().freest_worker()) {
      wanted.free_worker = worker->worker_id();
    }
  }
  using Accepted = std::variant<AcceptedOrder, ApiError>;
  store_.submit(
      [wanted = std::move(wanted)](Store& store) { return accept(store, wanted, ipc::now_us()); },
      [this, respond](const ipc::Result<Accepted>& accepted) {
        if (!accepted) return respond(to_response(store_error(accepted.error())));
        if (const auto* refusal = std::get_if<ApiError>(&*accepted)) {
          return respond(to_response(*refusal));
        }
        const auto& [command, repeated] = std::get<AcceptedOrder>(*accepted);
        if (!repeated) {
          spdlog::info("command {}: {} of run {}", ipc::quoted(command.command_id), command.kind,
                       ipc::quoted(command.run_id));
          hub_.desk().add(command);
        }
        respond({.status = 202, .body = view_of(command)});
      });
}

void Api::command(const ApiRequest& request, const Respond& respond) {
  constexpr std::int64_t kLongestWait = 60;
  if (auto refusal = unknown_parameter(request, {"wait"})) return respond(to_response(*refusal));
  const auto wait = number_parameter(request, "wait", 0, kLongestWait);
  if (const auto* refusal = std::get_if<ApiError>(&wait)) return respond(to_response(*refusal));
  std::make_shared<CommandWait>(store_, hub_, request.path[2],
                                std::chrono::seconds(std::get<std::int64_t>(wait)), respond)
      ->start();
}

}  // namespace charter::gateway
