// Where /metrics is served: on a loopback address or a Unix socket, and nowhere else, since nobody
// is asked who he is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ipc/error.h"

namespace charter::supervisor {

struct MetricsPlace {
  std::string path;        // of a Unix socket, as given; else empty
  std::string address;     // of the loopback interface, without brackets
  std::uint16_t port = 0;  // 0: a free one

  [[nodiscard]] bool given() const { return !path.empty() || !address.empty(); }
};

// "127.0.0.1:9464", "[::1]:9464", "localhost:9464" or "unix:PATH". An error is what a person is
// told of it, without the option's name.
[[nodiscard]] ipc::Result<MetricsPlace> read_metrics_place(std::string_view text);

}  // namespace charter::supervisor
