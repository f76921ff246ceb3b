// The end of the daemon that answers on a connection.
//
// Its lock on the project tells, where it can be looked at: who listens on the socket is perhaps a
// service manager, which stays, and whose socket starts the next daemon for whoever connects.
#pragma once

#include <cstdint>

#include "client/connection.h"
#include "client/control.h"
#include "ipc/unique_fd.h"

namespace charter::client {

class DaemonEnd {
 public:
  // To be made while the daemon lives.
  DaemonEnd(const Target& target, const Connection& connection);

  // Whether within() can find out.
  [[nodiscard]] bool told() const { return lock_ || process_; }
  // Waits for it that long at most; whether it has come.
  [[nodiscard]] bool within(std::int64_t ms) const;

 private:
  [[nodiscard]] bool come() const;

  ipc::UniqueFd lock_;     // the file the daemon holds; none where it holds none that we see
  ipc::UniqueFd process_;  // of who listens
};

}  // namespace charter::client
