// A client's TCP connection to a port of loopback, with deadlines.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "tests/support/wait.h"

namespace charter::gateway {

using std::chrono::milliseconds;
using tests::Clock;
using tests::kSoon;

class TestSocket {
 public:
  // `receive_buffer`: what the kernel keeps for a reader that does not read; 0 for the usual.
  explicit TestSocket(std::uint16_t port, int receive_buffer = 0)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
      ::close(fd_);
      throw std::runtime_error("connect");
    }
    const int on = 1;
    ::setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  ~TestSocket() { close(); }
  TestSocket(TestSocket&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), bytes_(std::move(other.bytes_)) {}
  TestSocket& operator=(TestSocket&&) = delete;

  void close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
  }
  // Ends its own side and reads the other's to its end: closing over unread bytes would make the
  // kernel reset the connection and drop what the other side has not read yet.
  void leave() {
    ::shutdown(fd_, SHUT_WR);
    receive_to_end();
  }
  // Whether everything could be handed over; false when the other side is gone.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  // What was received and not taken yet.
  std::string& bytes() { return bytes_; }
  // Waits for more bytes; false at the end of the connection or when the time is over.
  bool receive(milliseconds limit = kSoon) {
    pollfd wait{.fd = fd_, .events = POLLIN, .revents = 0};
    if (::poll(&wait, 1, static_cast<int>(limit.count())) <= 0) return false;
    char buffer[65536];
    const ssize_t got = ::recv(fd_, buffer, sizeof buffer, 0);
    ended_ = got <= 0;
    if (got > 0) bytes_.append(buffer, static_cast<std::size_t>(got));
    return got > 0;
  }
  // Reads until the other side closes.
  bool receive_to_end(milliseconds limit = kSoon) {
    const auto deadline = Clock::now() + limit;
    while (!ended_ && Clock::now() < deadline) receive(milliseconds(100));
    return ended_;
  }
  [[nodiscard]] bool ended() const { return ended_; }

 private:
  int fd_;
  std::string bytes_;
  bool ended_ = false;
};

}  // namespace charter::gateway
