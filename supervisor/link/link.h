// The one connection to the gateway: dials, keeps it alive, redials; pulls what is to be sent from
// its client and tells it what is confirmed.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "supervisor/link/gateway_address.h"
#include "supervisor/link/tls_settings.h"

namespace charter::supervisor {

// How a connection speaks: stock JSON in text messages, whose batches pongs confirm; or
// charter.capnp.v1 in binary ones, whose events the gateway acknowledges.
enum class WireProtocol { json, capnp };

struct LinkSettings {
  GatewayAddress gateway;
  std::string token;       // bearer token or empty; never logged
  std::string token_file;  // read anew at each connection, in place of `token`; or empty
  TlsSettings tls;         // for an https gateway
  std::chrono::milliseconds heartbeat{5000};
  std::chrono::milliseconds reconnect_delay{1000};
  std::chrono::milliseconds connect_timeout{5000};  // one attempt: resolve, connect, upgrade
  bool offer_capnp = true;                          // charter.capnp.v1, in the handshake
  bool insecure_token = false;  // the token may go over plain ws to a public address
};

// What the link needs from the relay. Every call comes on the link's executor.
class LinkClient {
 public:
  virtual ~LinkClient() = default;

  // A connection stands. What was handed over and not confirmed counts as not sent.
  virtual void link_up(WireProtocol protocol) = 0;
  // It is gone; `reason` is for people.
  virtual void link_down(std::string_view reason) = 0;
  // Appends the next messages to `out`, about `max_bytes` of them, in the order they must
  // arrive; appending nothing means there is nothing to send until wake(). Each call that appends
  // something makes one batch; batches are numbered from 1 on every connection.
  virtual void fill(std::vector<std::string>& out, std::size_t max_bytes) = 0;
  // In JSON: every message of batch `number` and before it has reached the gateway.
  virtual void confirmed(std::uint64_t number) = 0;
  // In Cap'n Proto: the batch up to which everything has been acknowledged that is to be.
  [[nodiscard]] virtual std::uint64_t settled() const = 0;
  // One message of the gateway. An error ends the connection; it is for people.
  virtual ipc::Result<void> received(std::string message) = 0;
  // What was received and is not done with takes so much memory that nothing more is to be read for
  // now. That passes without the gateway.
  [[nodiscard]] virtual bool crowded() const = 0;
  // The heartbeat message; asked for once an interval, first one interval after link_up.
  virtual std::string heartbeat() = 0;
};

struct LinkStatus {
  enum class State { stopped, connecting, up, waiting };
  State state = State::stopped;
  std::string last_error;
  std::uint64_t connections = 0;  // that stood
  std::uint64_t attempts = 0;     // since the last one that stood
  std::chrono::milliseconds next_try{0};
  // By the wall clock, in microseconds, for people; 0: never.
  std::int64_t up_since_us = 0;                // of the connection that stands; 0 while none does
  std::int64_t last_heartbeat_us = 0;          // sent, on whichever connection
  std::int64_t last_heard_us = 0;              // a message or a pong of the gateway
  WireProtocol protocol = WireProtocol::json;  // of the connection that stands
  bool confirms_by_pong = true;                // false: the gateway never pongs, TCP's ack must do
  std::string warning;  // what a person should know while it goes on, or empty
};

class Link {
 public:
  // `client` must outlive the link. Single-threaded: use it on `executor` only.
  Link(boost::asio::any_io_executor executor, LinkSettings settings, LinkClient& client);
  ~Link();
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  void start();
  // There is something to fill. Cheap; many calls cost one.
  void wake();
  // From the next connection on.
  void use(const std::string& token, const std::string& token_file, const TlsSettings& tls);
  // Connects anew, at once, with what token file and certificates hold now.
  void redial();
  // Closes with a close frame if that works within 200 ms, then calls `done` once.
  void stop(std::function<void()> done);
  [[nodiscard]] LinkStatus status() const;

 private:
  class Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace charter::supervisor
