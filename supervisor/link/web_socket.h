// One WebSocket connection, from the upgrade to its end. Beast stays behind this header: its
// WebSocket takes half a minute to compile, so one source file includes it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "supervisor/link/tcp_counters.h"
#include "supervisor/link/transport.h"

namespace charter::supervisor {

struct UpgradeRequest {
  std::string host;
  std::string target;
  std::string authorization;  // the header's value or empty; a secret
  std::string subprotocol;    // offered, or empty
};

// The gateway answered the upgrade with something else than 101.
struct UpgradeRefusal {
  unsigned status = 0;
  std::string reason;  // the status line's words, made printable
  std::string location;
  std::string retry_after;
};

// What a connection tells its owner, always on the executor. After closed() and refused() nothing
// more comes. The owner may abort() from within any of them.
class WebSocketOwner {
 public:
  virtual ~WebSocketOwner() = default;
  // Whether the gateway has chosen the subprotocol it was offered; then messages are binary.
  virtual void opened(bool chosen) = 0;
  virtual void refused(const UpgradeRefusal& refusal) = 0;
  // For people; empty after a close() that went well.
  virtual void closed(const std::string& reason) = 0;
  virtual void received(std::string message, bool binary) = 0;
  virtual void ponged(std::string_view payload) = 0;
};

class WebSocket {
 public:
  // A longer message ends the connection (close code 1009): as long as the longest request a
  // daemon takes by default.
  static constexpr std::size_t kMaxMessageBytes = 64U << 20;
  // How long the other side may take to end the connection once a close frame has come.
  static constexpr std::chrono::milliseconds kCloseGrace{1000};

  // `owner` must outlive the WebSocket, or be told off by abort().
  WebSocket(std::unique_ptr<Transport> transport, WebSocketOwner& owner);
  ~WebSocket();
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  void open(const UpgradeRequest& request);

  using Written = std::function<void()>;
  // One message, or one ping (at most 125 bytes): `written` is called when the kernel has it,
  // and not at all if the connection ends first. One at a time, of either kind.
  void write(std::string message, Written written);
  void ping(const std::string& payload, Written written);
  // Small writes wait for each other to fill packets until this is taken back; at most 200 ms.
  void hold_packets(bool hold);

  // While set nothing is read behind the message that is being handed over: neither messages nor
  // pongs, and no end either.
  void hold_reading(bool hold);

  // A close frame, then closed(). May be called once, after opened().
  void close();
  // Ends the connection at once; the owner hears nothing more.
  void abort();

  [[nodiscard]] std::optional<TcpCounters> counters() const;

 private:
  class Session;
  std::shared_ptr<Session> session_;
};

}  // namespace charter::supervisor
