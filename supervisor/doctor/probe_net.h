// Single steps on the way to a gateway, each within a deadline of its own: looking a name up,
// connecting, a TLS handshake, one request. Blocks its caller, and no longer than the deadline.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "ipc/unique_fd.h"
#include "supervisor/link/tls_settings.h"

namespace charter::supervisor {

class Deadline {
 public:
  explicit Deadline(std::chrono::milliseconds from_now);
  // For poll(2): 0 when it has passed.
  [[nodiscard]] int left() const;

 private:
  std::chrono::steady_clock::time_point at_;
};

// One address of a host, ready to connect to.
struct Endpoint {
  std::string shown;                  // "192.0.2.1"
  std::vector<std::uint8_t> address;  // a sockaddr
  int family = 0;
};

// A name server that does not answer is left behind in a thread of its own.
[[nodiscard]] ipc::Result<std::vector<Endpoint>> look_up(const std::string& host,
                                                         std::uint16_t port,
                                                         const Deadline& deadline);
// The first of them that takes a connection; each gets an equal share of the time that is left. The
// error is that of the last one.
[[nodiscard]] ipc::Result<ipc::UniqueFd> connect_to(const std::vector<Endpoint>& endpoints,
                                                    const Deadline& deadline);

// Bytes over a connection, encrypted or not.
class Channel {
 public:
  virtual ~Channel() = default;
  [[nodiscard]] virtual ipc::Result<void> send(std::string_view bytes,
                                               const Deadline& deadline) = 0;
  // What comes up to an empty line and it, at most 16 KiB: the head of an answer.
  [[nodiscard]] ipc::Result<std::string> read_head(const Deadline& deadline);

 protected:
  // Some bytes; 0 at the end.
  [[nodiscard]] virtual ipc::Result<std::size_t> read(char* to, std::size_t size,
                                                      const Deadline& deadline) = 0;
};

[[nodiscard]] std::unique_ptr<Channel> plain_channel(ipc::UniqueFd socket);

// What a gateway has shown.
struct Certificates {
  std::unique_ptr<Channel> channel;
  std::string protocol;        // "TLSv1.3"
  std::int64_t days_left = 0;  // of the one in its chain that expires first
  std::string expires_first;   // its subject
};
[[nodiscard]] ipc::Result<Certificates> shake_hands(ipc::UniqueFd socket, const std::string& host,
                                                    const TlsSettings& settings,
                                                    const Deadline& deadline);

}  // namespace charter::supervisor
