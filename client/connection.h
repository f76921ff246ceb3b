// One connection to the daemon's socket: lines out and in, each with a deadline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::client {

// A moment of ipc::boot_ms().
using Deadline = std::int64_t;
inline constexpr Deadline kNever = std::numeric_limits<Deadline>::max();
[[nodiscard]] Deadline in_ms(std::int64_t ms);
// For poll(): what is left, -1 for kNever. A far deadline is cut, so look at the clock afterwards.
[[nodiscard]] int timeout_of(Deadline deadline);

// Errors: ENOENT and ECONNREFUSED when nobody listens, ETIMEDOUT at the deadline, ECONNRESET when
// the other end closed.
class Connection {
 public:
  static ipc::Result<Connection> open(const std::string& path, Deadline deadline);

  ipc::Result<void> send(std::string_view bytes, Deadline deadline);
  // The next line without its newline; valid until the next call.
  ipc::Result<std::string_view> line(Deadline deadline);
  // Readable when line() has something to read.
  [[nodiscard]] int descriptor() const { return socket_.get(); }
  // The daemon's process id as this process sees it, 0 when it cannot.
  [[nodiscard]] int daemon_pid() const;

 private:
  explicit Connection(ipc::UniqueFd socket) : socket_(std::move(socket)) {}
  [[nodiscard]] ipc::Result<void> wait(short events, Deadline deadline) const;
  ipc::UniqueFd socket_;
  std::string buffer_;
  std::size_t begin_ = 0;    // of what was not handed over yet
  std::size_t scanned_ = 0;  // up to here there is no newline
};

}  // namespace charter::client
