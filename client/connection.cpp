#include "client/connection.h"

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "ipc/layout.h"
#include "ipc/peer.h"

namespace charter::client {
namespace {

constexpr std::size_t kChunk = 64U << 10;
constexpr std::size_t kLongestLine = std::size_t{1} << 30;

ipc::Error error_of(int number, std::string what) {
  return {std::error_code(number, std::generic_category()), std::move(what)};
}

void nap() {
  constexpr timespec pause{.tv_sec = 0, .tv_nsec = 5'000'000};
  ::nanosleep(&pause, nullptr);
}

}  // namespace

Deadline in_ms(std::int64_t ms) { return ipc::boot_ms() + ms; }

int timeout_of(Deadline deadline) {
  constexpr Deadline kLongest = 1'000'000;
  if (deadline == kNever) return -1;
  return static_cast<int>(std::clamp<Deadline>(deadline - ipc::boot_ms(), 0, kLongest));
}

ipc::Result<Connection> Connection::open(const std::string& path, Deadline deadline) {
  if (path.size() > ipc::kMaxSocketPath) {
    return error_of(ENAMETOOLONG, "socket path " + path + " (set CHARTER_DAEMON_SOCKET)");
  }
  ipc::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return ipc::errno_error("socket");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  // A full backlog makes a non-blocking connect fail at once, with nothing to poll for.
  while (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
         0) {
    if (errno != EAGAIN && errno != EINTR) return ipc::errno_error("connect to " + path);
    if (ipc::boot_ms() >= deadline) return error_of(ETIMEDOUT, "connect to " + path);
    nap();
  }
  return Connection(std::move(socket));
}

ipc::Result<void> Connection::wait(short events, Deadline deadline) const {
  while (true) {
    pollfd ready{.fd = socket_.get(), .events = events, .revents = 0};
    const int count = ::poll(&ready, 1, timeout_of(deadline));
    if (count > 0) return {};
    if (count < 0 && errno != EINTR) return ipc::errno_error("poll");
    if (ipc::boot_ms() >= deadline) return error_of(ETIMEDOUT, "the daemon does not answer");
  }
}

ipc::Result<void> Connection::send(std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
      continue;
    }
    // The daemon may answer and close without reading a request it refuses: the answer counts.
    if (errno == EPIPE || errno == ECONNRESET) return {};
    if (errno != EAGAIN && errno != EINTR) return ipc::errno_error("send to the daemon");
    if (auto ready = wait(POLLOUT, deadline); !ready) return ready.error();
  }
  return {};
}

ipc::Result<std::string_view> Connection::line(Deadline deadline) {
  while (true) {
    const std::size_t newline = buffer_.find('\n', scanned_);
    if (newline != std::string::npos) {
      const std::string_view result(buffer_.data() + begin_, newline - begin_);
      begin_ = scanned_ = newline + 1;
      return result;
    }
    buffer_.erase(0, begin_);
    begin_ = 0;
    scanned_ = buffer_.size();
    if (scanned_ > kLongestLine) return error_of(EMSGSIZE, "the daemon's answer");
    buffer_.resize(scanned_ + kChunk);
    const ssize_t got = ::recv(socket_.get(), buffer_.data() + scanned_, kChunk, 0);
    const int number = errno;
    buffer_.resize(scanned_ + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got > 0) continue;
    if (got == 0) return error_of(ECONNRESET, "the daemon closed the connection");
    if (number != EAGAIN && number != EINTR) return error_of(number, "read from the daemon");
    if (auto ready = wait(POLLIN, deadline); !ready) return ready.error();
  }
}

int Connection::daemon_pid() const {
  const auto peer = ipc::peer_of(socket_.get());
  return peer ? static_cast<int>(peer->pid) : 0;
}

}  // namespace charter::client
