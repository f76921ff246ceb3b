#include "gateway/api.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <span>

#include "gateway/views.h"
#include "ipc/exposition.h"
#include "ipc/json_object.h"
#include "ipc/versions.h"

namespace charter::gateway {

struct Api::Route {
  std::string_view method;
  std::array<std::string_view, 4> path;  // "*NAME" is any one segment, "" the end
  Handler handler;
};

namespace {

bool matches(const std::array<std::string_view, 4>& pattern, const std::vector<std::string>& path) {
  const auto end = std::ranges::find(pattern, std::string_view());
  const auto size = static_cast<std::size_t>(end - pattern.begin());
  if (path.size() != size) return false;
  for (std::size_t at = 0; at < size; ++at) {
    if (!pattern[at].starts_with('*') && pattern[at] != path[at]) return false;
  }
  return true;
}

}  // namespace

std::span<const Api::Route> Api::routes() {
  static constexpr std::array kRoutes = {
      Route{"GET", {"healthz"}, &Api::health},
      Route{"GET", {"readyz"}, &Api::health},
      Route{"GET", {"metrics"}, &Api::metrics},
      Route{"GET", {"api"}, &Api::index},
      Route{"GET", {"api", "workers"}, &Api::workers},
      Route{"GET", {"api", "workers", "*CONNECTION", "workflows"}, &Api::described},
      Route{"GET", {"api", "runs"}, &Api::runs},
      Route{"POST", {"api", "runs"}, &Api::start},
      Route{"GET", {"api", "workflows"}, &Api::workflows},
      Route{"GET", {"api", "runs", "*ID"}, &Api::run},
      Route{"GET", {"api", "runs", "*ID", "events"}, &Api::events},
      Route{"GET", {"api", "runs", "*ID", "log"}, &Api::log},
      Route{"POST", {"api", "runs", "*ID", "resume"}, &Api::resume},
      Route{"POST", {"api", "runs", "*ID", "cancel"}, &Api::cancel},
      Route{"POST", {"api", "runs", "*ID", "input"}, &Api::input},
      Route{"GET", {"api", "commands", "*ID"}, &Api::command},
  };
  return kRoutes;
}

const Api::Route* Api::find(const ApiRequest& request, std::string& allowed) {
  for (const Route& route : routes()) {
    if (!matches(route.path, request.path)) continue;
    if (route.method == request.method) return &route;
    if (!allowed.empty()) allowed += ", ";
    allowed += route.method;
  }
  return nullptr;
}

void Api::handle(const ApiRequest& request, const Respond& respond) {
  std::string allowed;
  const Route* route = find(request, allowed);
  if (route != nullptr) return (this->*route->handler)(request, respond);
  if (allowed.empty()) {
    return respond(to_response({404, "not_found", "there is nothing at this path"}));
  }
  ApiResponse response =
      to_response({405, "method_not_allowed", "this path answers " + allowed + " only"});
  response.allow = allowed.size() > 4 ? "GET, POST" : allowed == "GET" ? "GET" : "POST";
  respond(std::move(response));
}

void Api::index(const ApiRequest& request, const Respond& respond) {
  if (auto refusal = unknown_parameter(request, {})) return respond(to_response(*refusal));
  ApiResponse response;
  response.content_type = "text/plain; charset=utf-8";
  response.body = "charter-daemon gateway " + std::string(ipc::product_version()) +
                  "\n\n"
                  "GET /\n"
                  "GET /page/NAME\n"
                  "GET /daemon\n";
  for (const Route& route : routes()) {
    response.body.append(route.method).append(" ");
    for (std::string_view part : route.path) {
      if (part.empty()) break;
      if (part.starts_with('*')) part.remove_prefix(1);
      response.body.append("/").append(part);
    }
    response.body += '\n';
  }
  respond(std::move(response));
}

void Api::health(const ApiRequest& request, const Respond& respond) {
  if (auto refusal = unknown_parameter(request, {})) return respond(to_response(*refusal));
  const bool good = hub_.trouble().empty();
  ApiResponse response;
  response.status = good ? 200 : 503;
  response.body = ipc::JsonObject()
                      .text("status", good ? "ok" : "not_storing")
                      .text("version", ipc::product_version())
                      .number("workers", static_cast<std::int64_t>(hub_.workers().size()))
                      .str();
  respond(std::move(response));
}

void Api::metrics(const ApiRequest& request, const Respond& respond) {
  if (auto refusal = unknown_parameter(request, {})) return respond(to_response(*refusal));
  const auto workers = hub_.workers();
  double running = 0;
  double paused = 0;
  for (const DaemonSession* worker : workers) {
    running += static_cast<double>(worker->load().running);
    paused += static_cast<double>(worker->load().paused);
  }
  ipc::Exposition text;
  text.gauge("charter_build_info", "The program's version")
      .sample(1, {{"version", ipc::product_version()}});
  text.gauge("charter_gateway_workers", "Daemons that are connected",
             static_cast<double>(workers.size()))
      .gauge("charter_gateway_runs", "Runs of connected daemons, as their last heartbeats say")
      .sample(running, {{"state", "running"}})
      .sample(paused, {{"state", "paused"}})
      .gauge("charter_gateway_storing", "Whether what arrives can be stored",
             hub_.trouble().empty() ? 1 : 0)
      .process();
  ApiResponse response;
  response.content_type = ipc::Exposition::kContentType;
  response.body = text.take();
  respond(std::move(response));
}

void Api::workers(const ApiRequest& request, const Respond& respond) {
  if (auto refusal = unknown_parameter(request, {})) return respond(to_response(*refusal));
  constexpr std::int64_t kAbsentShown = 1000;
  store_.submit([](Store& store) { return store.workers.absent(kAbsentShown); },
                [this, respond](const ipc::Result<std::vector<WorkerRow>>& absent) {
                  if (!absent) return respond(to_response(store_error(absent.error())));
                  std::vector<std::string> views;
                  for (const DaemonSession* worker : hub_.workers()) {
                    views.push_back(view_of(*worker));
                  }
                  for (const WorkerRow& row : *absent) views.push_back(view_of(row));
                  respond({.body = ipc::JsonObject().raw("workers", ipc::json_array(views)).str()});
                });
}

void Api::described(const ApiRequest& request, const Respond& respond) {
  if (auto refusal = unknown_parameter(request, {})) return respond(to_response(*refusal));
  const std::string& text = request.path[2];
  std::int64_t connection = 0;
  const auto [at, bad] = std::from_chars(text.data(), text.data() + text.size(), connection);
  const bool number = bad == std::errc{} && at == text.data() + text.size();
  DaemonSession* worker = number ? hub_.worker(connection) : nullptr;
  if (worker == nullptr) {
    return respond(to_response({404, "unknown_worker", "no daemon has this connection now"}));
  }
  worker->describe(
      [respond, connection, name = worker->worker_id()](const ipc::Result<std::string>& workflows) {
        if (!workflows) return respond(to_response({409, "not_told", workflows.error().what}));
        respond({.body = ipc::JsonObject()
                             .text("worker_id", name)
                             .number("connection", connection)
                             .raw("workflows", *workflows)
                             .str()});
      });
}

std::variant<std::int64_t, ApiError> number_parameter(const ApiRequest& request,
                                                      std::string_view name, std::int64_t otherwise,
                                                      std::int64_t most, std::int64_t least) {
  const std::string_view text = request.parameter(name);
  if (text.empty() && !request.query.contains(name)) return otherwise;
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc{} && at == end && value >= least && value <= most) return value;
  std::string why =
      std::string(name) + " must be a whole number, " + std::to_string(least) + " or more";
  if (most != std::numeric_limits<std::int64_t>::max()) {
    why = std::string(name) + " must be a whole number from " + std::to_string(least) + " to " +
          std::to_string(most);
  }
  return ApiError{400, "invalid_request", std::move(why), std::string(name)};
}

std::optional<ApiError> unknown_parameter(const ApiRequest& request,
                                          std::initializer_list<std::string_view> known) {
  if (!request.repeated.empty()) {
    return ApiError{400, "invalid_request", request.repeated + " is given twice", request.repeated};
  }
  for (const auto& [name, value] : request.query) {
    if (std::ranges::find(known, name) != known.end()) continue;
    return ApiError{400, "invalid_request", "is not a parameter of this request: " + name, name};
  }
  return std::nullopt;
}

}  // namespace charter::gateway
