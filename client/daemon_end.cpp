#include "client/daemon_end.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ipc/layout.h"
#include "ipc/lock.h"
#include "ipc/peer.h"
#include "ipc/regular_file.h"

namespace charter::client {
namespace {

constexpr int kLookAgainMs = 5;  // the next daemon takes the lock as soon as it has begun

bool is_held(int lock) {
  const auto held = ipc::is_locked(lock);
  return held && *held;
}

ipc::UniqueFd lock_of(const Target& target) {
  auto file = ipc::open_regular(ipc::Layout(target.root).project_lock(), O_RDONLY);
  if (!file || !is_held(file->get())) return {};
  return std::move(*file);
}

ipc::UniqueFd process_of(const Connection& connection) {
  const int pid = connection.daemon_pid();
  if (pid <= 0) return {};
  return ipc::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

DaemonEnd::DaemonEnd(const Target& target, const Connection& connection)
    : lock_(lock_of(target)), process_(process_of(connection)) {}

bool DaemonEnd::come() const {
  if (lock_ && !is_held(lock_.get())) return true;
  // Where the daemon itself listens; a service manager does not go.
  pollfd gone{.fd = process_ ? process_.get() : -1, .events = POLLIN, .revents = 0};
  return ::poll(&gone, 1, 0) > 0;
}

bool DaemonEnd::within(std::int64_t ms) const {
  const Deadline deadline = in_ms(ms);
  while (!come()) {
    if (ipc::boot_ms() >= deadline) return false;
    (void)::poll(nullptr, 0, kLookAgainMs);
  }
  return true;
}

}  // namespace charter::client
