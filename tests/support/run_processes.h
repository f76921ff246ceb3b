// The processes of one run, found as a person would find them.
#pragma once

#include <sys/types.h>

#include <string>

namespace charter::tests {

// The guardian as the daemon names it, and the engine below it; 0 when there is none.
[[nodiscard]] pid_t guardian_of(const std::string& socket, const std::string& run);
[[nodiscard]] pid_t engine_of(const std::string& socket, const std::string& run);

}  // namespace charter::tests
