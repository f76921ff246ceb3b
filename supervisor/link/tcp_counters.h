// What the kernel knows of a TCP connection that the bytes themselves do not tell.
#pragma once

#include <cstdint>
#include <optional>

namespace charter::supervisor {

struct TcpCounters {
  std::uint64_t received = 0;  // bytes that came in, read by us or not
  std::uint64_t acked = 0;     // bytes of ours the other side's kernel has
  std::uint64_t queued = 0;    // bytes of ours it does not have yet
};

// Nothing when the descriptor is no TCP connection.
[[nodiscard]] std::optional<TcpCounters> read_tcp_counters(int socket);

}  // namespace charter::supervisor
