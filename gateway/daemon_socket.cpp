#include "gateway/daemon_socket.h"

#include <algorithm>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <chrono>
#include <deque>

#include "gateway/http_date.h"
#include "gateway/pong_gate.h"
#include "ipc/gateway_message.h"

namespace charter::gateway {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using boost::system::error_code;

namespace {

constexpr std::chrono::seconds kHandshakeLimit{10};
constexpr std::chrono::milliseconds kCloseLimit{300};
constexpr std::size_t kReadStep = 64U << 10;        // so that memory follows what has arrived
constexpr std::size_t kKeptBufferBytes = 1U << 20;  // a larger one is given back

struct Outgoing {
  enum class Kind { message, ping, pong };
  Kind kind;
  std::string bytes;
};

websocket::ping_data control_payload(const std::string& bytes) {
  return {bytes.data(), std::min(bytes.size(), websocket::ping_data::static_capacity)};
}

}  // namespace

struct DaemonSocket::Impl {
  Impl(net::ip::tcp::socket socket, std::string early, std::shared_ptr<DaemonSocketOwner> to)
      : ws(std::move(socket), std::move(early)),
        close_timer(ws.get_executor()),
        owner(std::move(to)) {}

  websocket::stream<PongGate, false> ws;
  net::steady_timer close_timer;
  std::shared_ptr<DaemonSocketOwner> owner;  // none after the end
  DaemonSocket::Request request;
  Protocol protocol = Protocol::json;
  beast::flat_buffer buffer;
  std::deque<Outgoing> queue;
  bool open = false;
  bool reading = false;
  bool paused = false;
  bool writing = false;
  bool closing = false;
  websocket::close_reason close_with;

  // Every handler holds the connection.
  using Self = std::shared_ptr<DaemonSocket>;

  void accept(Self self) {
    websocket::stream_base::timeout limits{};
    limits.handshake_timeout = kHandshakeLimit;
    limits.idle_timeout = websocket::stream_base::none();
    limits.keep_alive_pings = false;
    ws.set_option(limits);
    ws.read_message_max(kMaxMessageBytes);
    ws.auto_fragment(false);
    ws.binary(protocol == Protocol::capnp);
    const bool chosen = protocol == Protocol::capnp;
    ws.set_option(websocket::stream_base::decorator([chosen](websocket::response_type& response) {
      response.set(beast::http::field::date, http_date());
      if (!chosen) return;
      const std::string_view name = ipc::wire::kSubprotocol;
      response.set(beast::http::field::sec_websocket_protocol,
                   beast::string_view(name.data(), name.size()));
    }));
    ws.control_callback([this](websocket::frame_type type, beast::string_view payload) {
      on_control(type, std::string(payload));
    });
    ws.async_accept(request, [self = std::move(self)](error_code error) {
      self->impl_->on_accept(self, error);
    });
  }

  void on_accept(const Self& self, error_code error) {
    if (error) return end("upgrade: " + error.message());
    request = {};
    open = true;
    owner->opened();
    read(self);
  }

  void on_control(websocket::frame_type type, std::string payload) {
    if (!owner) return;
    owner->moved();
    if (type == websocket::frame_type::pong) owner->pong_received(std::move(payload));
    if (type == websocket::frame_type::ping) {
      answer_ping(std::move(payload));
    }
  }

  void answer_ping(std::string payload) {
    std::string copy = payload;
    if (!owner->ping_received(std::move(copy))) return;
    // Beast is about to send the pong itself. It must not overtake those that wait in the queue.
    const bool waiting = std::ranges::any_of(
        queue, [](const Outgoing& one) { return one.kind == Outgoing::Kind::pong; });
    if (waiting) {
      queue.push_back({Outgoing::Kind::pong, std::move(payload)});
    } else {
      ws.next_layer().permit(std::move(payload));
    }
  }

  void read(const Self& self) {
    if (reading || paused || !open || closing) return;
    reading = true;
    ws.async_read_some(buffer, kReadStep, [self](error_code error, std::size_t) {
      self->impl_->on_read(self, error);
    });
  }

  void on_read(const Self& self, error_code error) {
    reading = false;
    if (error) return end(reason_of(error));
    if (!owner) return;
    owner->moved();
    if (ws.is_message_done()) {
      const bool binary = protocol == Protocol::capnp;
      if (ws.got_binary() != binary) {
        return self->close(CloseCode::policy,
                           binary ? "binary messages only" : "text messages only");
      }
      const auto bytes = buffer.cdata();
      std::string message(static_cast<const char*>(bytes.data()), bytes.size());
      buffer.consume(bytes.size());
      if (buffer.capacity() > kKeptBufferBytes) buffer.shrink_to_fit();
      owner->received(std::move(message));
    }
    read(self);
  }

  void enqueue(const Self& self, Outgoing message) {
    if (!open || closing) return;
    queue.push_back(std::move(message));
    write(self);
  }

  void write(const Self& self) {
    if (writing || !open) return;
    if (queue.empty()) {
      if (closing) send_close(self);
      return;
    }
    writing = true;
    const auto written = [self](error_code error, std::size_t = 0) {
      self->impl_->on_written(self, error);
    };
    Outgoing& next = queue.front();
    switch (next.kind) {
      case Outgoing::Kind::message:
        ws.async_write(net::buffer(next.bytes), written);
        break;
      case Outgoing::Kind::ping:
        ws.async_ping(control_payload(next.bytes), written);
        break;
      case Outgoing::Kind::pong:
        ws.next_layer().permit(next.bytes);
        ws.async_pong(control_payload(next.bytes), written);
        break;
    }
  }

  void on_written(const Self& self, error_code error) {
    writing = false;
    if (error) return end("write: " + error.message());
    if (!queue.empty()) queue.pop_front();
    write(self);
  }

  void close(const Self& self, CloseCode code, std::string_view reason) {
    if (closing) return;
    closing = true;
    close_with = {static_cast<websocket::close_code>(code),
                  beast::string_view(reason.data(), reason.size())};
    if (!open) return cut("closed before it was open");
    // What is being written is finished; what only waits is dropped.
    while (queue.size() > (writing ? 1U : 0U)) queue.pop_back();
    close_timer.expires_after(kCloseLimit);
    close_timer.async_wait([self](error_code error) {
      if (!error) self->impl_->cut("the close frame was not answered");
    });
    write(self);
  }

  void send_close(const Self& self) {
    writing = true;
    ws.async_close(close_with, [self](error_code) { self->impl_->cut("closed by the gateway"); });
  }

  void cut(const std::string& reason) {
    beast_close_socket(ws.next_layer());
    end(reason);
  }

  std::string reason_of(error_code error) {
    if (closing) return "closed by the gateway";
    if (error == websocket::error::closed) return "closed by the daemon";
    return error.message();
  }

  void end(const std::string& reason) {
    open = false;
    close_timer.cancel();
    const auto told = std::exchange(owner, nullptr);
    if (!told) return;
    // Where Beast itself failed the connection it has already shut it down.
    beast_close_socket(ws.next_layer());
    told->ended(reason);
  }
};

DaemonSocket::DaemonSocket(net::ip::tcp::socket socket, std::string early,
                           std::shared_ptr<DaemonSocketOwner> owner)
    : impl_(std::make_unique<Impl>(std::move(socket), std::move(early), std::move(owner))) {}

DaemonSocket::~DaemonSocket() = default;

void DaemonSocket::accept(Request request, Protocol protocol) {
  impl_->request = std::move(request);
  impl_->protocol = protocol;
  impl_->accept(shared_from_this());
}

void DaemonSocket::send(std::string message) {
  impl_->enqueue(shared_from_this(), {Outgoing::Kind::message, std::move(message)});
}
void DaemonSocket::ping(std::string payload) {
  impl_->enqueue(shared_from_this(), {Outgoing::Kind::ping, std::move(payload)});
}
void DaemonSocket::pong(std::string payload) {
  impl_->enqueue(shared_from_this(), {Outgoing::Kind::pong, std::move(payload)});
}

void DaemonSocket::pause() { impl_->paused = true; }

void DaemonSocket::resume() {
  if (!std::exchange(impl_->paused, false)) return;
  impl_->read(shared_from_this());
}

void DaemonSocket::close(CloseCode code, std::string_view reason) {
  impl_->close(shared_from_this(), code, reason);
}

}  // namespace charter::gateway
