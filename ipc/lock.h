// Open-file-description locks: held as long as any process has the description, whatever its pid
// namespace, and gone the moment the last one is.
#pragma once

#include <string>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

// Takes the whole-file write lock without waiting; false when someone else holds it.
[[nodiscard]] Result<bool> try_lock(int fd);
// Waits for it (the key-value store's lock; held for microseconds).
[[nodiscard]] Result<void> lock(int fd);
[[nodiscard]] Result<void> unlock(int fd);
// Whether another description holds a lock on the file. Does not take it. Right after a spawn
// "held" may be the forked child's copy: believe "held" only from a second look, "free" at once.
[[nodiscard]] Result<bool> is_locked(int fd);

}  // namespace charter::ipc
