// Tells the service manager that started the daemon how it does, and takes what that hands over:
// the protocols of sd_notify(3), sd_watchdog_enabled(3) and sd_listen_fds(3), spoken without the
// library.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::supervisor {

class ServiceManager {
 public:
  // Reads and removes NOTIFY_SOCKET, WATCHDOG_* and LISTEN_* of this process's environment. Without
  // them every call below does nothing.
  static ServiceManager from_environment();

  void ready() const { send("READY=1"); }
  void stopping() const { send("STOPPING=1"); }
  // Around a reload; ready() ends it.
  void reloading() const;
  // One line for `systemctl status`; sent when it is another than before.
  void status(std::string text);
  // The event loop has come round.
  void alive() const { send("WATCHDOG=1"); }

  [[nodiscard]] bool listens() const { return !address_.empty(); }
  // How often alive() must be called: half of what the manager waits. Nothing without a watchdog.
  [[nodiscard]] std::optional<std::chrono::milliseconds> alive_interval() const {
    return interval_;
  }

  // The listening socket that was handed over, made ours; an invalid descriptor when there is none.
  // An error when it is not one stream socket at `path`.
  [[nodiscard]] ipc::Result<ipc::UniqueFd> take_socket(const std::string& path);

 private:
  void send(std::string_view message) const;

  std::string address_;  // of the notify socket
  std::optional<std::chrono::milliseconds> interval_;
  int handed_over_ = 0;  // descriptors from 3 on
  std::string status_;
};

}  // namespace charter::supervisor
