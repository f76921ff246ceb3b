// One WebSocket connection of a daemon: messages in, messages out, and pongs that wait for leave.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "gateway/protocol.h"

namespace charter::gateway {

// What a daemon may send at once. A daemon's own events are smaller; refusing one would make it
// try for ever.
inline constexpr std::size_t kMaxMessageBytes = 80U << 20;

// Who the connection reports to. Every call comes from the loop.
class DaemonSocketOwner {
 public:
  virtual ~DaemonSocketOwner() = default;

  virtual void opened() = 0;
  // A whole message: text in JSON, binary in Cap'n Proto.
  virtual void received(std::string message) = 0;
  // Something moved: bytes of a message, a ping, a pong.
  virtual void moved() = 0;
  // Whether the pong may be sent at once; if not, it is sent by pong().
  virtual bool ping_received(std::string payload) = 0;
  virtual void pong_received(std::string payload) = 0;
  // The last call, once; `reason` is for people.
  virtual void ended(const std::string& reason) = 0;
};

enum class CloseCode : std::uint16_t {
  going_away = 1001,
  bad_payload = 1007,
  policy = 1008,
  internal = 1011
};

class DaemonSocket : public std::enable_shared_from_this<DaemonSocket> {
 public:
  using Request = boost::beast::http::request<boost::beast::http::string_body>;

  // `early`: bytes of the peer that were read behind its request.
  DaemonSocket(boost::asio::ip::tcp::socket socket, std::string early,
               std::shared_ptr<DaemonSocketOwner> owner);
  ~DaemonSocket();

  // Answers the upgrade, naming the protocol unless it is JSON, and begins to read.
  void accept(Request request, Protocol protocol);

  // Queued in this order; nothing after the end.
  void send(std::string message);
  void ping(std::string payload);
  void pong(std::string payload);

  // Reading stops behind the message at hand, and goes on.
  void pause();
  void resume();

  // Sends a close frame and ends when it is answered or 300 ms have passed.
  void close(CloseCode code, std::string_view reason);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace charter::gateway
