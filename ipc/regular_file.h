// Files whose names other hands can take. What lies there may be no file: to open a pipe waits for
// its other end, and a device may never come to its own.
#pragma once

#include <sys/types.h>

#include <string>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

// Opens as open(2) does with these flags (close-on-exec is added), and never waits. An error that
// names the path when it cannot be opened, with its code, or is no regular file. From any thread.
[[nodiscard]] Result<UniqueFd> open_regular(const std::string& path, int flags, mode_t mode = 0);

}  // namespace charter::ipc
