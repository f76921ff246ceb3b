// Asks the daemon that has a run for a part of what the run prints. The gateway keeps nothing of
// it: it is asked for while somebody looks.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "gateway/api_types.h"
#include "gateway/hub.h"
#include "gateway/run_table.h"

namespace charter::gateway {

struct LoggedRun {
  std::int64_t id = 0;
  std::string run_id;
  std::string worker_id;
  std::string started_at;
};
[[nodiscard]] LoggedRun logged_run(const RunRow& row);

// Why no daemon that is connected can be asked, or nothing; `not_told` where it is there and does
// not tell, `not_connected` where it is not there.
[[nodiscard]] std::optional<ApiError> cannot_ask(const Hub& hub, const LoggedRun& run);

// `done` gets the answer, or why there is none, once, on the loop, within six seconds; `hub`
// outlives that. The question's run and id are set here.
void ask_for_log(Hub& hub, const LoggedRun& run, ipc::wire::ReadOutput question,
                 std::function<void(ipc::Result<ipc::wire::Output>)> done);

}  // namespace charter::gateway
