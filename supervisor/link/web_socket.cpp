#include "supervisor/link/web_socket.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket.hpp>
#include <utility>

namespace charter::supervisor {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = boost::beast::websocket;
using boost::system::error_code;

// The transport as Beast wants a stream. Each operation may move fewer bytes than it was given, so
// handing on the first few buffers of a sequence is enough.
class TransportStream {
 public:
  using executor_type = asio::any_io_executor;

  explicit TransportStream(std::unique_ptr<Transport> transport)
      : transport_(std::move(transport)) {}

  executor_type get_executor() { return transport_->socket().get_executor(); }
  Transport& transport() { return *transport_; }

  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& all) {
          transport_->read_some(first_of<Transport::ReadBuffers>(all), std::move(handler));
        },
        token, buffers);
  }

  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return asio::async_initiate<Token, void(error_code, std::size_t)>(
        [this](auto handler, const Buffers& all) {
          transport_->write_some(first_of<Transport::WriteBuffers>(all), std::move(handler));
        },
        token, buffers);
  }

 private:
  template <class Few, class Buffers>
  static Few first_of(const Buffers& all) {
    Few few;
    std::size_t count = 0;
    for (auto it = asio::buffer_sequence_begin(all);
         it != asio::buffer_sequence_end(all) && count < few.size(); ++it) {
      const typename Few::value_type buffer(*it);
      if (buffer.size() > 0) few[count++] = buffer;
    }
    return few;
  }

  std::unique_ptr<Transport> transport_;
};

// Both close frames have been exchanged when Beast asks for this, so there is nothing to wait for.
template <class Handler>
void async_teardown(beast::role_type, TransportStream& stream, Handler&& handler) {
  error_code ignored;
  stream.transport().socket().shutdown(asio::ip::tcp::socket::shutdown_both, ignored);
  asio::post(stream.get_executor(),
             beast::bind_front_handler(std::forward<Handler>(handler), error_code{}));
}

void beast_close_socket(TransportStream& stream) {
  error_code ignored;
  stream.transport().socket().close(ignored);
}

// Words of the gateway's go into logs: short, and nothing a terminal would act upon.
std::string printable(beast::string_view words) {
  constexpr std::size_t kMostBytes = 120;
  std::string out;
  for (const char c : words.substr(0, kMostBytes)) out += c >= ' ' && c < 0x7F ? c : '?';
  return out;
}

UpgradeRefusal refusal_of(const websocket::response_type& response) {
  namespace http = beast::http;
  UpgradeRefusal refusal;
  refusal.status = response.result_int();
  refusal.reason = printable(response.reason());
  refusal.location = printable(response[http::field::location]);
  refusal.retry_after = printable(response[http::field::retry_after]);
  return refusal;
}

}  // namespace

class WebSocket::Session : public std::enable_shared_from_this<WebSocket::Session> {
 public:
  Session(std::unique_ptr<Transport> transport, WebSocketOwner& owner)
      : owner_(&owner),
        stream_(std::move(transport)),
        socket_(stream_.next_layer().transport().socket()),
        close_timer_(stream_.get_executor()) {}

  void open(const UpgradeRequest& request);
  void write(std::string message, Written written);
  void ping(const std::string& payload, Written written);
  void hold_reading(bool hold);
  void close();
  void abort();
  asio::ip::tcp::socket& socket() { return socket_; }

 private:
  void set_options(const UpgradeRequest& request);
  void on_handshake(error_code error);
  void on_control(websocket::frame_type kind, beast::string_view payload);
  void read();
  void on_read(error_code error);
  void on_written(error_code error);
  void expect_end();
  void end(error_code error);
  [[nodiscard]] std::string reason_of(error_code error) const;

  static constexpr std::size_t kWriteBuffer = 16U << 10;
  static constexpr std::size_t kKeptReadBuffer = 256U << 10;

  WebSocketOwner* owner_;  // null once it is to hear nothing more
  // Without permessage-deflate. Its own timeouts stay off: the link judges liveness.
  websocket::stream<TransportStream, false> stream_;
  asio::ip::tcp::socket& socket_;
  asio::steady_timer close_timer_;
  std::string offered_;  // subprotocol
  websocket::response_type response_;
  beast::flat_buffer incoming_;
  std::string outgoing_;
  Written written_;
  bool reading_ = false;
  bool held_ = false;         // nothing more is to be read
  bool closing_ = false;      // by us
  bool peer_closed_ = false;  // its close frame has come
};

void WebSocket::Session::set_options(const UpgradeRequest& request) {
  stream_.set_option(websocket::stream_base::decorator([request](websocket::request_type& out) {
    using beast::http::field;
    out.set(field::user_agent, "charter-daemon");
    if (!request.authorization.empty()) out.set(field::authorization, request.authorization);
    if (!request.subprotocol.empty()) {
      out.set(field::sec_websocket_protocol, request.subprotocol);
    }
  }));
  stream_.control_callback([this](websocket::frame_type kind, beast::string_view payload) {
    on_control(kind, payload);
  });
  stream_.auto_fragment(false);
  stream_.write_buffer_bytes(kWriteBuffer);
  stream_.read_message_max(kMaxMessageBytes);
  stream_.text(true);
}

void WebSocket::Session::open(const UpgradeRequest& request) {
  set_options(request);
  offered_ = request.subprotocol;
  stream_.async_handshake(
      response_, request.host, request.target,
      [self = shared_from_this()](error_code error) { self->on_handshake(error); });
}

void WebSocket::Session::on_handshake(error_code error) {
  if (owner_ == nullptr) return;
  if (error == websocket::error::upgrade_declined) {
    WebSocketOwner& owner = *owner_;
    abort();
    owner.refused(refusal_of(response_));
    return;
  }
  if (error) {
    end(error);
    return;
  }
  const bool chosen =
      !offered_.empty() && response_[beast::http::field::sec_websocket_protocol] == offered_;
  stream_.binary(chosen);
  owner_->opened(chosen);
  if (owner_ != nullptr) read();
}

void WebSocket::Session::hold_reading(bool hold) {
  held_ = hold;
  read();
}

void WebSocket::Session::read() {
  if (held_ || std::exchange(reading_, true)) return;
  stream_.async_read(incoming_, [self = shared_from_this()](error_code error, std::size_t) {
    self->on_read(error);
  });
}

void WebSocket::Session::on_read(error_code error) {
  if (owner_ == nullptr) return;
  if (error) {
    end(error);
    return;
  }
  std::string message = beast::buffers_to_string(incoming_.data());
  incoming_.clear();
  if (incoming_.capacity() > kKeptReadBuffer) incoming_.shrink_to_fit();
  owner_->received(std::move(message), stream_.got_binary());
  reading_ = false;
  if (owner_ != nullptr) read();
}

void WebSocket::Session::on_control(websocket::frame_type kind, beast::string_view payload) {
  if (owner_ == nullptr) return;
  if (kind == websocket::frame_type::pong) {
    owner_->ponged(std::string_view(payload.data(), payload.size()));
  } else if (kind == websocket::frame_type::close) {
    peer_closed_ = true;
    expect_end();
  }
}

void WebSocket::Session::write(std::string message, Written written) {
  outgoing_ = std::move(message);
  written_ = std::move(written);
  stream_.async_write(
      asio::buffer(outgoing_),
      [self = shared_from_this()](error_code error, std::size_t) { self->on_written(error); });
}

void WebSocket::Session::ping(const std::string& payload, Written written) {
  written_ = std::move(written);
  stream_.async_ping(websocket::ping_data(payload.data(), payload.size()),
                     [self = shared_from_this()](error_code error) { self->on_written(error); });
}

void WebSocket::Session::on_written(error_code error) {
  if (owner_ == nullptr) return;
  if (error) {
    // While the other side's close is under way, the read that saw it knows the reason.
    if (!peer_closed_ && !closing_) end(error);
    return;
  }
  if (const Written written = std::exchange(written_, nullptr)) written();
}

void WebSocket::Session::close() {
  closing_ = true;
  stream_.async_close(websocket::close_reason(websocket::close_code::normal),
                      [self = shared_from_this()](error_code error) { self->end(error); });
}

// A peer that leaves its side open after the close frames must not keep ours.
void WebSocket::Session::expect_end() {
  close_timer_.expires_after(kCloseGrace);
  close_timer_.async_wait([self = shared_from_this()](error_code error) {
    if (!error) self->end(websocket::error::closed);
  });
}

void WebSocket::Session::end(error_code error) {
  if (owner_ == nullptr) return;
  WebSocketOwner& owner = *owner_;
  const std::string reason = closing_ ? std::string() : reason_of(error);
  abort();
  owner.closed(reason);
}

std::string WebSocket::Session::reason_of(error_code error) const {
  if (peer_closed_) {
    const websocket::close_reason& given = stream_.reason();
    std::string text = "closed by the gateway";
    if (given.code != websocket::close_code::none) {
      text += " with code " + std::to_string(given.code);
    }
    const beast::string_view words(given.reason.data(), given.reason.size());
    return words.empty() ? text : text + ": " + printable(words);
  }
  if (error == asio::error::eof || error == beast::http::error::end_of_stream) {
    return "the gateway ended the connection without a close frame";
  }
  return error.message();
}

void WebSocket::Session::abort() {
  owner_ = nullptr;
  written_ = nullptr;  // it may hold the owner
  close_timer_.cancel();
  error_code ignored;
  socket_.close(ignored);
}

WebSocket::WebSocket(std::unique_ptr<Transport> transport, WebSocketOwner& owner)
    : session_(std::make_shared<Session>(std::move(transport), owner)) {}

WebSocket::~WebSocket() { session_->abort(); }

void WebSocket::open(const UpgradeRequest& request) { session_->open(request); }

void WebSocket::write(std::string message, Written written) {
  session_->write(std::move(message), std::move(written));
}

void WebSocket::ping(const std::string& payload, Written written) {
  session_->ping(payload, std::move(written));
}

void WebSocket::hold_packets(bool hold) {
  const int value = hold ? 1 : 0;
  ::setsockopt(session_->socket().native_handle(), IPPROTO_TCP, TCP_CORK, &value, sizeof value);
}

void WebSocket::hold_reading(bool hold) { session_->hold_reading(hold); }

void WebSocket::close() { session_->close(); }

void WebSocket::abort() { session_->abort(); }

std::optional<TcpCounters> WebSocket::counters() const {
  return read_tcp_counters(session_->socket().native_handle());
}

}  // namespace charter::supervisor
