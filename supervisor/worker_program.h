// The worker's executable and the world its processes are born into, opened once at start so that
// an upgrade on disk never mixes versions inside one daemon's life.
#pragma once

#include <string>
#include <vector>

#include "ipc/error.h"
#include "ipc/layout.h"
#include "ipc/unique_fd.h"

namespace charter::supervisor {

struct WorkerProgram {
  ipc::UniqueFd program;  // charter-worker
  ipc::UniqueFd null;     // /dev/null
  ipc::UniqueFd log;      // <data>/workers.log, appending: what a dying worker says
  std::vector<std::string> environment;

  // Looks beside this executable, then in ../libexec/charter-daemon.
  // `toolchain_python` is for workers to know, or empty.
  static ipc::Result<WorkerProgram> open(const ipc::Layout& layout,
                                         const std::string& toolchain_python);

  // Opens the log anew, for workers to come, where somebody has renamed it or it has become long.
  // Another thread may make a child meanwhile.
  ipc::Result<void> reopen_log(const ipc::Layout& layout);
};

}  // namespace charter::supervisor
