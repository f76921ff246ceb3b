// Starts a program from an open descriptor in a clean world (ipc/clean_world.h).
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::supervisor {

struct SpawnSpec {
  int program = -1;                    // the executable, opened with O_PATH or reading
  std::vector<std::string> arguments;  // argv, the program's name included
  const std::vector<std::string>* environment = nullptr;
  const char* directory = nullptr;  // working directory
  std::vector<int> descriptors;     // the child's 0, 1, 2, ...; nothing else is open
};

struct SpawnedProcess {
  pid_t pid = 0;
  ipc::UniqueFd pidfd;
};

// What an error names that happened when the child entered `directory`.
inline constexpr const char* kEnterDirectory = "change to the project's directory";

// Returns when the program runs or could not be started (the error names stage and object).
// Everything is built before the fork; behind it only async-signal-safe calls are made, because
// the child borrows the parent's memory until it executes the program.
[[nodiscard]] ipc::Result<SpawnedProcess> spawn(const SpawnSpec& spec);

}  // namespace charter::supervisor
