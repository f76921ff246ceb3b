// A gateway in the test's own process that breaks connections where the test says and confirms as
// it says, in either protocol, and checks what it is told meanwhile.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "tests/support/event_check.h"
#include "tests/support/recorder/wire.h"
#include "tests/support/ws_server.h"

namespace charter::tests {

// How it confirms: by pongs in JSON, by acknowledgements in charter.capnp.v1.
enum class Confirms {
  rightly,
  never,
  twice,
  beyond,    // what was never sent, before it confirms rightly
  nonsense,  // of no batch and no run, before it confirms rightly
  first      // again and again, and nothing later
};

class MisbehavingGateway {
 public:
  // `protocol` as of RecordingGateway.
  explicit MisbehavingGateway(std::string protocol = {});
  MisbehavingGateway(const MisbehavingGateway&) = delete;
  MisbehavingGateway& operator=(const MisbehavingGateway&) = delete;

  [[nodiscard]] std::string url() const { return server_.url(); }
  [[nodiscard]] bool speaks_capnp() const { return capnp_; }
  // From now on: how it answers upgrades, breaks connections and confirms, and how late.
  void behave(const std::function<void(WsRules&)>& change);
  void confirm(Confirms how, milliseconds late = milliseconds(0));

  [[nodiscard]] WsServer& server() { return server_; }
  [[nodiscard]] const EventCheck& heard() const { return heard_; }

 private:
  [[nodiscard]] WsRules usual();
  [[nodiscard]] std::string take(std::size_t connection, const std::string& message, Confirms how);

  bool capnp_;
  EventCheck heard_;
  std::mutex mutex_;  // guards the two below
  std::map<std::size_t, WireReader> readers_;
  std::string first_acks_;
  WsServer server_;  // last, because its threads use the others
};

}  // namespace charter::tests
