// The temporary directory that a run has for itself, for as long as there is the run.
#pragma once

#include <string>

#include "ipc/error.h"

namespace charter::worker {

// Makes it if it is not there: anybody's within, as /tmp is, below directories that nobody else
// can enter.
[[nodiscard]] ipc::Result<void> make_scratch(const std::string& path);

// Removes a directory and all that is below it, whatever depth or permissions it was given; follows
// no link. What cannot be removed stays, and the first reason is returned.
[[nodiscard]] ipc::Result<void> remove_tree(const std::string& path);

// Mode `clear`: the descriptor 0 holds paths, each ended by a NUL. The exit code.
[[nodiscard]] int clear_main();

}  // namespace charter::worker
