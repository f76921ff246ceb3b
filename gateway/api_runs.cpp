// Reading: runs, one run, its events.
#include <algorithm>
#include <array>
#include <limits>

#include "gateway/api.h"
#include "gateway/log_stream.h"
#include "gateway/views.h"
#include "ipc/json_object.h"

namespace charter::gateway {
namespace {

constexpr std::int64_t kUsualRuns = 50;
constexpr std::int64_t kMostRuns = 500;
constexpr std::int64_t kMostWorkflows = 1000;
constexpr std::int64_t kUsualEvents = 500;
constexpr std::int64_t kMostEvents = 5000;
constexpr std::size_t kAnswerBytes = 4U << 20;
constexpr std::int64_t kAnyNumber = std::numeric_limits<std::int64_t>::max();

ApiError unknown_run() { return {404, "unknown_run", "no such run is known here"}; }

std::optional<ApiError> check_status(std::string_view status) {
  static constexpr std::array<std::string_view, 6> kStatuses = {
      "", "running", "paused", "completed", "failed", "cancelled"};
  if (std::ranges::find(kStatuses, status) != kStatuses.end()) return std::nullopt;
  return ApiError{400, "invalid_request",
                  "status must be running, paused, completed, failed or cancelled", "status"};
}

struct RunWithPause {
  RunRow run;
  std::optional<std::string> waiting;
};

struct RunWithEvents {
  RunRow run;
  EventPage page;
};

}  // namespace

void Api::runs(const ApiRequest& request, const Respond& respond) {
  auto refusal = unknown_parameter(
      request, {"status", "workflow", "worker", "run_id", "text", "limit", "cursor"});
  if (!refusal) refusal = check_status(request.parameter("status"));
  const auto limit = number_parameter(request, "limit", kUsualRuns, kMostRuns, 1);
  const auto cursor = number_parameter(request, "cursor", 0, kAnyNumber);
  if (!refusal && limit.index() == 1) refusal = std::get<ApiError>(limit);
  if (!refusal && cursor.index() == 1) refusal = std::get<ApiError>(cursor);
  if (refusal) return respond(to_response(*refusal));
  const RunFilter filter{.run_id = std::string(request.parameter("run_id")),
                         .status = std::string(request.parameter("status")),
                         .workflow = std::string(request.parameter("workflow")),
                         .worker_id = std::string(request.parameter("worker")),
                         .text = std::string(request.parameter("text"))};
  const auto wanted = std::get<std::int64_t>(limit);
  store_.submit(
      // One more than wanted tells whether there is a next page.
      [filter, wanted, from = std::get<std::int64_t>(cursor)](Store& store) {
        return store.runs.list(filter, from, wanted + 1);
      },
      [this, wanted, respond](const ipc::Result<std::vector<RunRow>>& rows) {
        if (!rows) return respond(to_response(store_error(rows.error())));
        const auto shown = std::min(rows->size(), static_cast<std::size_t>(wanted));
        std::vector<std::string> views;
        for (std::size_t at = 0; at < shown; ++at) {
          const RunRow& run = (*rows)[at];
          views.push_back(view_of(run, hub_.desk().connected(run.id)));
        }
        std::optional<std::string> next;
        if (rows->size() > shown) next = std::to_string((*rows)[shown - 1].id);
        respond(
            {.body =
                 ipc::JsonObject().raw("runs", ipc::json_array(views)).text("next", next).str()});
      });
}

void Api::workflows(const ApiRequest& request, const Respond& respond) {
  if (auto refusal = unknown_parameter(request, {})) return respond(to_response(*refusal));
  store_.submit(
      [](Store& store) { return store.runs.workflows(kMostWorkflows); },
      [respond](const ipc::Result<std::vector<WorkflowRow>>& rows) {
        if (!rows) return respond(to_response(store_error(rows.error())));
        std::vector<std::string> views;
        for (const WorkflowRow& row : *rows) {
          views.push_back(
              ipc::JsonObject().text("workflow", row.workflow).number("runs", row.runs).str());
        }
        respond({.body = ipc::JsonObject().raw("workflows", ipc::json_array(views)).str()});
      });
}

void Api::run(const ApiRequest& request, const Respond& respond) {
  if (auto refusal = unknown_parameter(request, {"worker"})) return respond(to_response(*refusal));
  store_.submit(
      [run_id = request.path[2], worker = std::string(request.parameter("worker"))](Store& store) {
        std::optional<RunWithPause> found;
        if (auto run = store.runs.latest(run_id, worker)) {
          found = RunWithPause{std::move(*run), std::nullopt};
          const RunRow& row = found->run;
          if (row.wait_seq) found->waiting = store.events.event(row.id, *row.wait_seq);
        }
        return found;
      },
      [this, respond](const ipc::Result<std::optional<RunWithPause>>& found) {
        if (!found) return respond(to_response(store_error(found.error())));
        if (!*found) return respond(to_response(unknown_run()));
        const auto& [run, waiting] = **found;
        respond({.body = view_of(run, hub_.desk().connected(run.id), waiting)});
      });
}

void Api::events(const ApiRequest& request, const Respond& respond) {
  auto refusal = unknown_parameter(request, {"worker", "from", "limit"});
  const auto from = number_parameter(request, "from", 0, kAnyNumber - 1);
  const auto limit = number_parameter(request, "limit", kUsualEvents, kMostEvents, 1);
  if (!refusal && from.index() == 1) refusal = std::get<ApiError>(from);
  if (!refusal && limit.index() == 1) refusal = std::get<ApiError>(limit);
  if (refusal) return respond(to_response(*refusal));
  store_.submit(
      [run_id = request.path[2], worker = std::string(request.parameter("worker")),
       first = std::get<std::int64_t>(from), wanted = std::get<std::int64_t>(limit)](Store& store) {
        std::optional<RunWithEvents> found;
        if (auto run = store.runs.latest(run_id, worker)) {
          EventPage page = store.events.page(run->id, first, wanted, kAnswerBytes);
          found = RunWithEvents{std::move(*run), std::move(page)};
        }
        return found;
      },
      [respond](const ipc::Result<std::optional<RunWithEvents>>& found) {
        if (!found) return respond(to_response(store_error(found.error())));
        if (!*found) return respond(to_response(unknown_run()));
        const auto& [run, page] = **found;
        std::vector<std::string> views;
        for (const EventRow& event : page.events) views.push_back(view_of(event));
        respond({.body = ipc::JsonObject()
                             .text("run_id", run.run_id)
                             .text("status", run.status)
                             .flag("finished", run.finished_us.has_value())
                             .raw("events", ipc::json_array(views))
                             .number("next", page.next)
                             .flag("more", page.more)
                             .str()});
      });
}

void Api::log(const ApiRequest& request, const Respond& respond) {
  LogRequest wanted;
  if (auto refusal = read_log_request(request, {}, wanted)) return respond(to_response(*refusal));
  const auto on_answer = [respond, wanted](const ipc::Result<ipc::wire::Output>& part) {
    const std::string trouble = part ? part->error : part.error().what;
    if (!trouble.empty()) return respond(to_response({409, "not_told", trouble}));
    LogView view(wanted.tail > 0 ? std::nullopt : std::optional(wanted.from.position));
    respond({.body = ipc::JsonObject()
                         .text("run_id", wanted.run_id)
                         .raw("pieces", view.pieces(*part, true))
                         .text("next", place_text(part->next))
                         .flag("more", part->more)
                         .flag("over", part->over)
                         .str()});
  };
  store_.submit(
      [wanted](Store& store) { return store.runs.latest(wanted.run_id, wanted.worker_id); },
      [this, respond, wanted, on_answer](const ipc::Result<std::optional<RunRow>>& row) {
        if (!row) return respond(to_response(store_error(row.error())));
        if (!*row) return respond(to_response(unknown_run()));
        const LoggedRun run = logged_run(**row);
        if (auto refusal = cannot_ask(hub_, run)) return respond(to_response(*refusal));
        ipc::wire::ReadOutput question;
        question.place = wanted.from;
        question.tail = wanted.tail;
        ask_for_log(hub_, run, std::move(question), on_answer);
      });
}

}  // namespace charter::gateway
