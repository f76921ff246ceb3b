// Tells the gateway what another hand (the toolchain's CLI) did to a paused run, from the state
// file it left: each gate decided since, then where the run is now. Steps in between are not
// invented.
#pragma once

#include <string>

#include "ipc/error.h"
#include "worker/recorder.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

// Whether a state file with this status tells of a run that is over.
[[nodiscard]] bool has_ended(const std::string& status);

// Adds the events and the pause or terminal frame. `file` was read from `path`; `reported` of its
// gate_history are known to the gateway. A run that the other hand is still executing gets the
// pause frame of before, renewed: the file stays the truth.
[[nodiscard]] ipc::Result<void> report_progress(Recorder& recorder, RunState& file,
                                                const std::string& path, std::size_t reported);

// How the file at `path` is at this moment.
[[nodiscard]] ipc::Result<ipc::Pause> identify_state_file(const std::string& path);

}  // namespace charter::worker
