// Mode `nursery`: becomes an interpreter of the project that imports what Python integrations are
// made of, and nothing of the project, and then forks workers that stand by (standby.h) for as long
// as the supervisor asks for them on descriptor 5 (ipc/standby.h). Importing takes a tenth of a
// second, a fork a millisecond. When the other end is closed, it leaves.
#pragma once

#include <string>
#include <vector>

namespace charter::worker {

// The process's exit code, if it could not become one.
[[nodiscard]] int nursery_main();

// The environment of an interpreter that is of no run: the project's programs come first, as in a
// run.
[[nodiscard]] std::vector<std::string> bare_environment(const std::string& interpreter);

}  // namespace charter::worker
