#include "gateway/log_asker.h"

#include <utility>
#include <vector>

namespace charter::gateway {
namespace {

using Done = std::function<void(ipc::Result<ipc::wire::Output>)>;

// The connections to ask, in that order: the one that has announced the run, else those of a daemon
// of that name. Two projects may share one, and an ended run is not announced again.
std::vector<std::int64_t> who_may_know(const Hub& hub, const LoggedRun& run, bool& silent) {
  std::vector<std::int64_t> found;
  const std::int64_t announced = hub.connection_of(run.id);
  for (const DaemonSession* worker : hub.workers()) {
    const bool meant =
        announced != 0 ? worker->connection() == announced : worker->worker_id() == run.worker_id;
    if (!meant) continue;
    if (worker->tells_output()) {
      found.push_back(worker->connection());
    } else {
      silent = true;
    }
  }
  return found;
}

void ask_next(Hub& hub, const ipc::wire::ReadOutput& question, std::vector<std::int64_t> left,
              const Done& done) {
  const std::int64_t connection = left.back();
  left.pop_back();
  DaemonSession* worker = hub.worker(connection);
  if (worker == nullptr) return done(ipc::plain_error("the daemon went away"));
  worker->read_output(question, [&hub, question, left = std::move(left),
                                 done](ipc::Result<ipc::wire::Output> answer) {
    const bool told = answer && answer->error.empty();
    if (told || left.empty()) return done(std::move(answer));
    ask_next(hub, question, left, done);
  });
}

}  // namespace

LoggedRun logged_run(const RunRow& row) {
  return {row.id, row.run_id, row.worker_id, row.started_at};
}

std::optional<ApiError> cannot_ask(const Hub& hub, const LoggedRun& run) {
  bool silent = false;
  if (!who_may_know(hub, run, silent).empty()) return std::nullopt;
  if (!silent) return ApiError{409, "not_connected", "the run's daemon is not connected"};
  return ApiError{
      409, "not_told",
      "the run's daemon does not tell what runs print: it is older, speaks JSON, or was "
      "started with --gateway-logs off"};
}

void ask_for_log(Hub& hub, const LoggedRun& run, ipc::wire::ReadOutput question, Done done) {
  bool silent = false;
  auto connections = who_may_know(hub, run, silent);
  if (connections.empty()) return done(ipc::plain_error("the run's daemon is not connected"));
  question.run_id = run.run_id;
  question.started_at = run.started_at;
  ask_next(hub, question, std::move(connections), done);
}

}  // namespace charter::gateway
