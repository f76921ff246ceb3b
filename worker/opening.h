// How a burst begins: from the job, the journal and the state file, which may have been edited by
// another hand while the run was paused.
//
// | cause  | journal                  | state file                | so                            |
// |--------|--------------------------|---------------------------|-------------------------------|
// | start  | no step begun            | any                       | from the job's state          |
// | resume | paused, or none at all   | paused at the same step   | decide the gate, go on        |
// | resume | paused                   | moved on by another hand  | report that, execute nothing  |
// | resume | a resume, no step begun  | paused or running         | the same decision once more   |
// | cont.  | not paused, undamaged    | any                       | go on behind what it has done |
// | any    | a terminal frame         | any                       | nothing to do                 |
// | any    | anything else            | any                       | refused: recovery decides     |
#pragma once

#include <string>

#include "ipc/error.h"
#include "ipc/job.h"
#include "ipc/layout.h"
#include "worker/replay.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

struct Opening {
  enum class Kind { start, decide, go_on, report, nothing, refuse };
  Kind kind = Kind::refuse;
  std::string state;     // the bytes the burst starts from, for the first frame
  bool decided = false;  // the gate's decision is in the journal already
};

[[nodiscard]] ipc::Result<Opening> choose_opening(const ipc::Job& job, const ipc::Layout& layout,
                                                  const Replay& replay);

// Whether the state file says that somebody else went on with a run that paused as `replay` says.
[[nodiscard]] bool moved_on(const Replay& replay, const RunState& file);

// How many entries of the file's gate_history the journal has told the gateway about.
[[nodiscard]] std::size_t reported_decisions(const Replay& replay);

[[nodiscard]] ipc::Result<std::string> read_state_file(const std::string& path);

}  // namespace charter::worker
