// A gateway for tests of the link: a WebSocket server on loopback, on plain sockets and threads,
// which records everything and misbehaves on request.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "tests/support/wait.h"
#include "tests/support/ws_stream.h"

namespace charter::tests {

class WsPeer;

// How a connection breaks once it has brought so many bytes, the request included.
struct WsCut {
  enum class How { reset, end, stall };  // stall: it stands, and nobody reads or writes
  std::size_t bytes = 0;
  How how = How::reset;
};

struct WsRules {
  bool answer_upgrade = true;    // false: takes the request and says nothing
  std::string answer_instead{};  // a whole HTTP response in place of the upgrade, or empty
  bool answer_pings = true;
  milliseconds pong_delay{0};
  std::string choose{};    // this subprotocol, or none
  std::string greeting{};  // bytes right behind the upgrade's answer
  // Asked once a connection, on that connection's thread, as are the others.
  std::function<std::optional<WsCut>(std::size_t connection)> cut{};
  // What pongs answer a ping; none: its own payload, once.
  std::function<std::vector<std::string>(const std::string& payload)> pongs{};
  // What bytes answer a message, after pong_delay.
  std::function<std::string(std::size_t connection, const std::string& message)> reply{};
  bool keep_messages = true;  // in the record
};

struct WsMessage {
  std::string text;  // or bytes
  Clock::time_point at;
};

// What one connection has shown so far.
struct WsRecord {
  Clock::time_point accepted;
  std::string request;  // the head of the HTTP request
  bool upgraded = false;
  std::vector<WsMessage> messages;
  std::vector<std::string> pings;
  std::vector<std::string> pongs;
  std::optional<std::uint16_t> close_code;  // of the client's close frame, 1005 without one
  std::string close_reason;
  bool ended = false;
  bool reset = false;               // ended, and not in order
  std::vector<std::string> faults;  // what a client must not do
};

class WsServer {
 public:
  explicit WsServer(WsRules rules = {}, WsStreamMaker maker = plain_stream);
  ~WsServer();
  WsServer(const WsServer&) = delete;
  WsServer& operator=(const WsServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url() const;

  // For upgrades and pings from now on, of standing connections, too.
  void set_rules(WsRules rules);
  [[nodiscard]] WsRules rules() const;
  // Like SIGSTOP: the kernel goes on accepting and acknowledging, nobody reads.
  void freeze() { set_frozen(true); }
  void thaw() { set_frozen(false); }
  [[nodiscard]] bool frozen() const { return frozen_; }
  // Connections are refused, then taken again on the same port. Standing ones stay.
  void stop_listening();
  void listen_again();

  [[nodiscard]] std::size_t connections() const;
  [[nodiscard]] std::size_t upgrades() const;
  [[nodiscard]] WsRecord record(std::size_t connection) const;
  // Of all connections, in their order.
  [[nodiscard]] std::vector<WsMessage> messages() const;

  // To the newest connection.
  void send_text(std::string_view text);
  void send_binary(std::string_view bytes);
  void send_raw(std::string bytes);
  void send_close(std::uint16_t code, std::string_view reason);
  // To the newest that was upgraded, to nobody while there is none: before that any byte would be
  // taken for a part of the answer to the upgrade.
  void send_ping(std::string_view payload);
  // Without a close frame: in order (FIN), or with a reset.
  void end();
  void reset();
  void reset_all();

 private:
  void set_frozen(bool frozen);
  void listen();
  void accept_loop(int listener);
  void wake_acceptor(std::uint64_t value);
  [[nodiscard]] std::shared_ptr<WsPeer> newest() const;

  static constexpr std::uint64_t kStop = 1U << 20;  // to the accepting thread

  WsStreamMaker maker_;
  mutable std::mutex mutex_;
  WsRules rules_;
  std::vector<std::shared_ptr<WsPeer>> peers_;
  std::atomic<bool> frozen_ = false;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  int wake_ = -1;  // ends the accepting thread
  std::thread acceptor_;
};

}  // namespace charter::tests
