// Where a daemon that was started with `--metrics-listen 127.0.0.1:0` serves them.
#pragma once

#include <cstdint>
#include <regex>
#include <stdexcept>
#include <string>

#include "tests/support/daemon_process.h"
#include "tests/support/hand_off_client.h"

namespace charter::tests {

inline std::uint16_t metrics_port(const DaemonProcess& daemon) {
  static const std::regex line("Metrics are served: http://127\\.0\\.0\\.1:(\\d+)");
  (void)control(daemon.socket(), "ping");  // its socket is there before it serves
  const std::string log = daemon.log();
  std::uint16_t port = 0;
  // The last one is of the daemon that lives.
  for (std::sregex_iterator at(log.begin(), log.end(), line), end; at != end; ++at) {
    port = static_cast<std::uint16_t>(std::stoi((*at)[1]));
  }
  if (port == 0) throw std::runtime_error("no port in: " + log);
  return port;
}

}  // namespace charter::tests
