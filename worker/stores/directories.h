// Directories that a run's first large value makes.
#pragma once

#include <sys/types.h>

#include <string>

#include "ipc/error.h"

namespace charter::worker {

// Makes the directory where there is none. Its name is durable when this returns success, also of
// one that was found: whoever made it may have been killed, or have failed, before its name was.
// Once that is so it costs this process nothing more. One thread.
[[nodiscard]] ipc::Result<void> make_named_directory(const std::string& path, mode_t mode);

}  // namespace charter::worker
