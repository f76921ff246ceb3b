// Where the log goes and how a line looks; log.h is for those who write to it.
#pragma once

#include <cstdint>
#include <string>

#include "ipc/error.h"

namespace charter::supervisor::log {

struct Output {
  std::string format = "text";  // text, json (one object a line), journald (with its priority)
  std::string file = {};        // absolute; empty: standard error
  std::uint64_t max_bytes = 0;  // at which the file is renamed and begun anew; 0: never
  int keep = 5;                 // files with those names: FILE.1 is the latest
};

// Once, before other threads write. An error names the file that cannot be opened; then nothing
// has changed. Without this call lines go to stderr as text.
[[nodiscard]] ipc::Result<void> write_to(const Output& output);
// Opens the file anew, where somebody has renamed it. An error leaves the old one in use. Any
// thread.
[[nodiscard]] ipc::Result<void> reopen();

}  // namespace charter::supervisor::log
