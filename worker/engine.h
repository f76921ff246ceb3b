// The process that executes one burst of one run: the guardian's fork.
#pragma once

#include <sys/types.h>

namespace charter::worker {

// Runs in the forked child; the exit code is for the guardian (endings.h).
[[nodiscard]] int engine_main(pid_t guardian);
// The same for a run that comes over `socket` later, with an interpreter that waits for it.
[[nodiscard]] int standby_engine_main(pid_t guardian, int socket);

}  // namespace charter::worker
