#include "supervisor/link/tcp_counters.h"

#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace charter::supervisor {

std::optional<TcpCounters> read_tcp_counters(int socket) {
  // The queue is read first: an ack that arrives in between then makes queued + acked too large,
  // never too small, so nothing counts as acknowledged too early.
  int queued = 0;
  if (::ioctl(socket, SIOCOUTQ, &queued) != 0) return std::nullopt;
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(socket, IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return std::nullopt;
  return TcpCounters{info.tcpi_bytes_received, info.tcpi_bytes_acked,
                     static_cast<std::uint64_t>(queued)};
}

}  // namespace charter::supervisor
