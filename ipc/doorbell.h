// The doorbell: a SOCK_SEQPACKET socket of the supervisor on which an engine says who it is and
// then only how long its journal has become. A ring is a hint, never data, so losing one is
// harmless as long as one is pending.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

inline constexpr std::uint32_t kDoorbellVersion = 1;

struct Hello {
  std::uint32_t version = kDoorbellVersion;
  std::string run_id;
  std::string secret;
  std::int32_t pid = 0;
};

[[nodiscard]] std::string encode(const Hello& hello);
[[nodiscard]] Result<Hello> decode_hello(std::string_view packet);

// The engine's end. Never blocks and never fails visibly: the journal is the truth.
class Doorbell {
 public:
  Doorbell(std::string path, Hello hello) : path_(std::move(path)), hello_(std::move(hello)) {}

  // Tells the supervisor that the journal now ends at `length`. Connects first when there is no
  // connection and the last try is over 100 ms old.
  void ring(std::uint64_t length);

  // To poll for POLLHUP: the supervisor went away. -1 when not connected.
  [[nodiscard]] int fd() const { return fd_.get(); }
  // Whether a connection has to be tried again; call at least every 250 ms while the run executes,
  // so that a restarted supervisor hears from a quiet run.
  void keep_alive(std::uint64_t length);

 private:
  bool connect();
  std::string path_;
  Hello hello_;
  UniqueFd fd_;
  std::int64_t last_try_ms_ = -1'000'000;
};

// The supervisor's listening end: created in a private directory, mode 0600, non-blocking.
[[nodiscard]] Result<UniqueFd> listen_doorbell(const std::string& path);
// The journal length in a packet that is not a hello; nothing when it is malformed.
[[nodiscard]] Result<std::uint64_t> decode_ring(std::string_view packet);

}  // namespace charter::ipc
