// The layer between Beast's WebSocket and its TCP socket that decides when a pong may leave.
//
// Beast answers a ping as soon as it has read it. Here a pong is an acknowledgement: it says that
// everything before the ping is on disk, which is known later, and reading must go on until then.
// So a pong passes only against a permission for its payload; without one it is dropped here, and
// its owner sends it again (`websocket::stream::async_pong`) together with the permission. Pings
// with equal payloads cannot be mixed up to the peer's harm: no more pongs of a payload leave than
// there were permissions.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/buffer_traits.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <string>
#include <utility>

#include "gateway/frame_watch.h"

namespace charter::gateway {

class PongGate {
 public:
  using Socket = boost::asio::ip::tcp::socket;
  using executor_type = Socket::executor_type;
  using next_layer_type = Socket;

  // `early` is what was read of the connection before it became a WebSocket.
  PongGate(Socket socket, std::string early)
      : socket_(std::move(socket)), early_(std::move(early)) {}

  executor_type get_executor() { return socket_.get_executor(); }
  Socket& next_layer() { return socket_; }
  [[nodiscard]] const Socket& next_layer() const { return socket_; }

  void permit(std::string payload) { watch_.permit(std::move(payload)); }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_compose<Token, void(boost::system::error_code, std::size_t)>(
        [this, buffers, started = false](auto& self, boost::system::error_code error = {},
                                         std::size_t bytes = 0) mutable {
          if (std::exchange(started, true)) return self.complete(error, bytes);
          if (early_.empty()) return socket_.async_read_some(buffers, std::move(self));
          const std::size_t taken = boost::asio::buffer_copy(buffers, boost::asio::buffer(early_));
          early_.erase(0, taken);
          complete_later(std::move(self), taken);
        },
        token, socket_);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return boost::asio::async_compose<Token, void(boost::system::error_code, std::size_t)>(
        [this, buffers, started = false](auto& self, boost::system::error_code error = {},
                                         std::size_t bytes = 0) mutable {
          if (std::exchange(started, true)) {
            if (error && error != boost::asio::error::operation_aborted) {
              peer_is_deaf_ = true;
              return self.complete({}, size_of(buffers));
            }
            watch_.written(bytes);
            return self.complete(error, bytes);
          }
          if (peer_is_deaf_) return complete_later(std::move(self), size_of(buffers));
          // The longest control frame has 127 bytes: a copy of so many tells all.
          std::array<char, FrameWatch::kLongestControlFrame> head{};
          const std::size_t seen = boost::asio::buffer_copy(boost::asio::buffer(head), buffers);
          if (watch_.begins({head.data(), seen}) == FrameWatch::Verdict::pass) {
            return socket_.async_write_some(buffers, std::move(self));
          }
          complete_later(std::move(self), seen);
        },
        token, socket_);
  }

 private:
  template <class Buffers>
  static std::size_t size_of(const Buffers& buffers) {
    return boost::beast::buffer_bytes(buffers);
  }

  template <class Self>
  void complete_later(Self self, std::size_t bytes) {
    boost::asio::post(socket_.get_executor(), [self = std::move(self), bytes]() mutable {
      self(boost::system::error_code(), bytes);
    });
  }

  Socket socket_;
  std::string early_;
  FrameWatch watch_;
  // Nothing can be sent any more. To Beast this looks like success, because a failed write would
  // end reading as well, and what a daemon sent before it left is still to be read. The end of
  // the connection shows there.
  bool peer_is_deaf_ = false;
};

// How Beast ends the layer below a WebSocket.
inline void teardown(boost::beast::role_type role, PongGate& gate,
                     boost::system::error_code& error) {
  boost::beast::websocket::teardown(role, gate.next_layer(), error);
}
template <class Handler>
void async_teardown(boost::beast::role_type role, PongGate& gate, Handler&& handler) {
  boost::beast::websocket::async_teardown(role, gate.next_layer(), std::forward<Handler>(handler));
}
inline void beast_close_socket(PongGate& gate) {
  boost::system::error_code ignored;
  gate.next_layer().close(ignored);
}

}  // namespace charter::gateway
