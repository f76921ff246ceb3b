#include "worker/reaper.h"

#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <ctime>

#include "ipc/peer.h"

namespace charter::worker {

void Reaper::watch(pid_t child) {
  watched_ = child;
  status_.reset();
}

bool Reaper::reap() {
  for (;;) {
    int status = 0;
    const pid_t ended = ::waitpid(-1, &status, WNOHANG | __WALL);
    if (ended == 0) return true;
    if (ended < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    if (ended == watched_) {
      status_ = status;
      watched_ = 0;
    }
    if (const auto kept = kept_.find(ended); kept != kept_.end()) kept->second = status;
  }
}

std::optional<int> Reaper::status_of(pid_t child) const {
  const auto kept = kept_.find(child);
  return kept == kept_.end() ? std::nullopt : kept->second;
}

void Reaper::await_child(std::int64_t deadline_ms) {
  const std::int64_t left = std::max<std::int64_t>(deadline_ms - ipc::boot_ms(), 0);
  const timespec timeout{left / 1000, left % 1000 * 1'000'000};
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  (void)::sigtimedwait(&child, nullptr, &timeout);
}

}  // namespace charter::worker
