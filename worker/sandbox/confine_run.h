// The sandbox of a burst, as its job orders it.
#pragma once

#include "ipc/error.h"
#include "ipc/job.h"
#include "ipc/layout.h"

namespace charter::worker {

// From now on every process this one starts is in the sandbox, and this one writes in the project
// and the daemon's data alone. Nothing happens where none is ordered. An error is the run's: it
// does not go on without.
[[nodiscard]] ipc::Result<void> confine_run(const ipc::Job& job, const ipc::Layout& layout);

}  // namespace charter::worker
