// Landlock, the kernel's own way for a process to give up access to files: which version is there,
// and the rules under which a run's processes write nowhere but where they may.
#pragma once

#include <string>
#include <vector>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::worker {

// The version of the interface, 1 or more; why there is none, otherwise.
[[nodiscard]] ipc::Result<int> landlock_version();

// What Landlock of that version does not keep from a process, one line each.
[[nodiscard]] std::vector<std::string> landlock_gaps(int version);

struct LandlockScope {
  std::vector<std::string> writable;  // directories; a process may do everything below them
  // Reading stays allowed everywhere, but of no devices except those that every program may use.
  bool all_devices = false;
  // Signals and abstract sockets of others are out of reach, where the version knows of that.
  bool apart = true;
};

// The rules as a descriptor, close-on-exec. Paths mean what they mean to the caller now.
[[nodiscard]] ipc::Result<ipc::UniqueFd> landlock_rules(int version, const LandlockScope& scope);

// One more directory that may be written below.
[[nodiscard]] ipc::Result<void> landlock_allow_writing(int rules, int version,
                                                       const std::string& directory);

// Binds the calling thread and all that descend from it, for ever. The thread has given up gaining
// privileges before. 0, or an errno. Async-signal-safe.
[[nodiscard]] int landlock_restrict(int rules);

}  // namespace charter::worker
