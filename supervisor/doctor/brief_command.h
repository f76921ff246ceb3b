// A short command's first line of output, within a deadline.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "ipc/error.h"

namespace charter::supervisor {

// Runs the program with an empty standard input and standard error left out; what does not end in
// time is killed. The error says how it failed.
[[nodiscard]] ipc::Result<std::string> first_line_of(const std::vector<std::string>& argv,
                                                     std::chrono::milliseconds limit);

}  // namespace charter::supervisor
