// Keeps the daemon's socket from processes of sandboxed runs: neither Landlock nor, after a restart
// of the daemon, a mount does.
#pragma once

#include <sys/types.h>

#include "supervisor/registry.h"

namespace charter::supervisor {

class SandboxGuard {
 public:
  // It outlives this.
  explicit SandboxGuard(const Registry& registry) : registry_(registry) {}

  // Whether the process at the other end of the socket belongs to such a run, or has ended so that
  // nobody can say. Nothing is looked at while no such run executes. `pid`: as the kernel names it.
  [[nodiscard]] bool refuses(int socket, pid_t pid) const;

 private:
  const Registry& registry_;
};

}  // namespace charter::supervisor
