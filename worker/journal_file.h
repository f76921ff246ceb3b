// The journal a worker process finds on descriptor 3, locked.
#pragma once

#include "ipc/error.h"
#include "ipc/job.h"
#include "worker/recorder.h"
#include "worker/replay.h"

namespace charter::worker {

// What the run has done so far. A journal that was only just made costs no reading.
[[nodiscard]] ipc::Result<Replay> read_journal();

// Goes on writing behind what was read; the process that rings is this one.
[[nodiscard]] ipc::Result<Recorder> open_recorder(const ipc::Job& job, const Replay& replay);

}  // namespace charter::worker
