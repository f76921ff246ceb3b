#include "supervisor/sandbox_guard.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <unordered_map>

#include "ipc/unique_fd.h"
#include "supervisor/burst.h"

namespace charter::supervisor {
namespace {

constexpr int kPeerPidfd = 77;  // SO_PEERPIDFD, Linux 6.5
constexpr int kDeepest = 1 << 16;
constexpr int kAttempts = 3;

// By guardian, whether its run is in a sandbox.
using Guardians = std::unordered_map<pid_t, bool>;

// A pidfd of who connected, whatever became of the number since, where the kernel can say.
ipc::UniqueFd peer_process(int socket, pid_t pid) {
  int process = -1;
  socklen_t size = sizeof process;
  if (::getsockopt(socket, SOL_SOCKET, kPeerPidfd, &process, &size) == 0) {
    return ipc::UniqueFd(process);
  }
  return ipc::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

bool has_ended(const ipc::UniqueFd& process) {
  pollfd entry{process.get(), POLLIN, 0};
  return !process || ::poll(&entry, 1, 0) != 0;
}

enum class Origin { stranger, sandboxed, changing };

// What descends from this process and from no guardian is a run's that is being started, or was
// left behind by one.
Origin judge(pid_t pid, const Guardians& guardians) {
  for (int depth = 0; depth < kDeepest && pid > 0; ++depth) {
    if (const auto known = guardians.find(pid); known != guardians.end()) {
      return known->second ? Origin::sandboxed : Origin::stranger;
    }
    if (pid == ::getpid()) return Origin::sandboxed;
    const auto stat = ipc::process_stat(pid);
    if (!stat) return Origin::changing;
    pid = stat->parent;
  }
  return Origin::stranger;
}

}  // namespace

bool SandboxGuard::refuses(int socket, pid_t pid) const {
  Guardians guardians;
  bool any = false;
  registry_.each([&](const RunPtr& run) {
    any = any || (run->sandbox && (run->burst || run->launching));
    if (run->burst && run->burst->guardian) {
      guardians.emplace(run->burst->guardian->pid(), run->sandbox);
    }
  });
  if (!any) return false;
  const ipc::UniqueFd process = peer_process(socket, pid);
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const Origin origin = judge(pid, guardians);
    if (has_ended(process)) return true;
    if (origin != Origin::changing) return origin == Origin::sandboxed;
  }
  return true;
}

}  // namespace charter::supervisor
