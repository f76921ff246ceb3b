// The process that executes one burst of one run: the guardian's fork.
#pragma once

#include <sys/types.h>

#include <string>

namespace charter::worker {

// Runs in the forked child; the exit code is for the guardian (endings.h).
[[nodiscard]] int engine_main(pid_t guardian);
// Mode `standby-engine` (standby.h): the same for a run that is handed over later, with the
// interpreter that waits for it, a child of this process, and where that comes from.
[[nodiscard]] int standby_engine_main(pid_t guardian, pid_t interpreter, const std::string& origin);

}  // namespace charter::worker
