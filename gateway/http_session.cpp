#include "gateway/http_session.h"

#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <boost/beast/http/write.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <utility>

#include "gateway/daemon_socket.h"
#include "gateway/event_stream.h"
#include "gateway/http_date.h"
#include "gateway/log_stream.h"
#include "gateway/run_stream.h"
#include "ipc/gateway_message.h"

namespace charter::gateway {

namespace beast = boost::beast;
namespace http = beast::http;

namespace {

constexpr std::chrono::seconds kHeaderLimit{10};
constexpr std::chrono::seconds kIdleLimit{75};  // between two requests
constexpr std::chrono::seconds kBodyLimit{30};
constexpr std::chrono::seconds kAnswerLimit{60};
constexpr std::chrono::seconds kRestLimit{2};

constexpr unsigned kHttp11 = 11;
constexpr const char* kWebSocketVersion = "13";

std::string peer_of(const boost::asio::ip::tcp::socket& socket) {
  boost::system::error_code error;
  const auto endpoint = socket.remote_endpoint(error);
  if (error) return "unknown";
  const std::string address = endpoint.address().to_string();
  const bool six = endpoint.address().is_v6();
  return (six ? "[" + address + "]" : address) + ":" + std::to_string(endpoint.port());
}

// The best of what a daemon offers.
Protocol protocol_of(const http::fields& headers) {
  const auto [first, last] = headers.equal_range(http::field::sec_websocket_protocol);
  for (auto at = first; at != last; ++at) {
    if (http::token_list(at->value()).exists(ipc::wire::kSubprotocol)) return Protocol::capnp;
  }
  return Protocol::json;
}

// What keeps a request from becoming a WebSocket; afterwards nothing does.
std::optional<ApiError> no_upgrade(const http::header<true>& request) {
  constexpr std::size_t kKeySize = 24;  // 16 bytes in base64
  if (!beast::websocket::is_upgrade(request) ||
      request[http::field::sec_websocket_key].size() != kKeySize) {
    return ApiError{400, "bad_request", "daemons connect with the upgrade to a WebSocket"};
  }
  if (request[http::field::sec_websocket_version] != kWebSocketVersion) {
    return ApiError{426, "bad_request", "this WebSocket is none of version 13"};
  }
  return std::nullopt;
}

bool safe(http::verb method) { return method == http::verb::get || method == http::verb::head; }

}  // namespace

HttpSession::HttpSession(boost::asio::ip::tcp::socket socket, ConnectionCount::Place place,
                         const Services& services)
    : stream_(std::move(socket)),
      place_(std::move(place)),
      services_(services),
      peer_(peer_of(stream_.socket())) {}

void HttpSession::start() { read_header(); }

void HttpSession::read_header() {
  parser_.emplace();
  parser_->header_limit(kMaxHeaderBytes);
  parser_->body_limit(kMaxBodyBytes);
  stream_.expires_after(second_ ? kIdleLimit : kHeaderLimit);
  http::async_read_header(
      stream_, buffer_, *parser_,
      [self = shared_from_this()](Error error, std::size_t) { self->on_header(error); });
}

void HttpSession::on_header(Error error) {
  if (error) return refuse_unreadable(error);
  const auto& request = parser_->get();
  last_ = !request.keep_alive();
  const bool daemon = request.target() == "/daemon";
  const bool changes = daemon || !safe(request.method());
  // Whoever may not see anything yet must be able to log in on the page.
  const PageFile* page = find_page_file(request.target());
  const bool open_to_all =
      page != nullptr || request.target() == "/healthz" || request.target() == "/readyz";
  auto refusal = services_.access.refuse(request, changes, open_to_all);
  if (!refusal && daemon && request.method() != http::verb::get) {
    refusal = ApiError{405, "method_not_allowed", "daemons connect with GET"};
  }
  if (!refusal && daemon) refusal = no_upgrade(request);
  if (!refusal && page != nullptr && !safe(request.method())) {
    refusal = ApiError{405, "method_not_allowed", "this path answers GET and HEAD only"};
  }
  if (!refusal && open_to_all && !parser_->is_done()) {
    refusal = ApiError{413, "too_large", "this path takes no body"};
  }
  if (refusal) {
    // The body is not read, so nothing can follow it.
    last_ = true;
    return answer(to_response(*refusal));
  }
  if (daemon) return become_daemon();
  if (beast::iequals(request[http::field::expect], "100-continue")) return invite_body();
  read_body();
}

void HttpSession::invite_body() {
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  stream_.expires_after(kAnswerLimit);
  boost::asio::async_write(stream_, boost::asio::buffer(kContinue),
                           [self = shared_from_this()](Error error, std::size_t) {
                             if (!error) self->read_body();
                           });
}

void HttpSession::read_body() {
  stream_.expires_after(kBodyLimit);
  http::async_read(stream_, buffer_, *parser_,
                   [self = shared_from_this()](Error error, std::size_t) { self->on_body(error); });
}

void HttpSession::on_body(Error error) {
  if (error) return refuse_unreadable(error);
  auto& message = parser_->get();
  ApiRequest request;
  request.method = std::string(message.method_string());
  if (!parse_target(message.target(), request)) {
    return answer(to_response({400, "bad_request", "the request target is malformed"}));
  }
  request.body = std::move(message.body());
  if (const PageFile* page = find_page_file(message.target())) return answer_page(*page);
  if (wants_stream(request)) {
    if (request.path.size() == 2) return become_run_stream(request);
    return request.path[3] == "log" ? become_log_stream(request) : become_stream(request);
  }
  // The store answers in its own time, which no deadline of the connection may cut short.
  stream_.expires_never();
  services_.api.handle(request, [self = shared_from_this()](ApiResponse response) {
    self->answer(std::move(response));
  });
}

void HttpSession::become_daemon() {
  const Protocol protocol = protocol_of(parser_->get());
  auto session = services_.hub.admit(peer_, protocol);
  if (!session) {
    last_ = true;
    return answer(to_response({503, "too_many_daemons", "too many daemons are connected"}));
  }
  stream_.expires_never();
  std::string early = beast::buffers_to_string(buffer_.data());
  auto socket = std::make_shared<DaemonSocket>(stream_.release_socket(), std::move(early), session);
  session->attach(socket, std::move(place_));
  socket->accept(parser_->release(), protocol);
}

bool HttpSession::wants_stream(const ApiRequest& request) const {
  const auto& path = request.path;
  const std::string_view accepted = parser_->get()[http::field::accept];
  const bool of_runs = path.size() >= 2 && path[0] == "api" && path[1] == "runs";
  const bool streamed =
      of_runs &&
      (path.size() == 2 || (path.size() == 4 && (path[3] == "events" || path[3] == "log")));
  return streamed && request.method == "GET" &&
         accepted.find("text/event-stream") != std::string_view::npos;
}

void HttpSession::answer_page(const PageFile& file) {
  const bool known = names_etag(parser_->get()[http::field::if_none_match], file.etag);
  ApiResponse response{.status = known ? 304U : 200U, .content_type = file.type, .etag = file.etag};
  if (!known) response.body = file.text;
  answer(std::move(response));
}

void HttpSession::become_run_stream(const ApiRequest& request) {
  if (auto refusal = unknown_parameter(request, {})) return answer(to_response(*refusal));
  stream_.expires_never();
  std::make_shared<RunStream>(std::move(stream_), std::move(place_), services_)->start();
}

void HttpSession::become_stream(const ApiRequest& request) {
  StreamRequest wanted;
  const std::string_view last_seen = parser_->get()["Last-Event-ID"];
  if (auto refusal = read_stream_request(request, last_seen, wanted)) {
    return answer(to_response(*refusal));
  }
  stream_.expires_never();
  find_run(services_, wanted, [self = shared_from_this(), wanted](FoundRun found) {
    if (const auto* refusal = std::get_if<ApiError>(&found)) {
      return self->answer(to_response(*refusal));
    }
    const auto& run = std::get<StreamedRun>(found);
    // For this answer a reader stops coming back.
    if (run.over && wanted.again) return self->answer({.status = 204});
    std::make_shared<EventStream>(std::move(self->stream_), std::move(self->place_),
                                  self->services_, run.id, wanted.from)
        ->start();
  });
}

// A daemon that is away may come back; one that does not tell never will.
void HttpSession::become_log_stream(const ApiRequest& request) {
  LogRequest wanted;
  const std::string_view last_seen = parser_->get()["Last-Event-ID"];
  if (auto refusal = read_log_request(request, last_seen, wanted)) {
    return answer(to_response(*refusal));
  }
  stream_.expires_never();
  services_.store.submit(
      [wanted](Store& store) { return store.runs.latest(wanted.run_id, wanted.worker_id); },
      [self = shared_from_this(), wanted](const ipc::Result<std::optional<RunRow>>& row) {
        if (!row) return self->answer(to_response(store_error(row.error())));
        if (!*row) {
          return self->answer(to_response({404, "unknown_run", "no such run is known here"}));
        }
        const LoggedRun run = logged_run(**row);
        const auto refusal = cannot_ask(self->services_.hub, run);
        if (refusal && refusal->code == "not_told") return self->answer(to_response(*refusal));
        std::make_shared<LogStream>(std::move(self->stream_), std::move(self->place_),
                                    self->services_, run, wanted)
            ->start();
      });
}

void HttpSession::refuse_unreadable(Error error) {
  last_ = true;
  if (error == http::error::body_limit) {
    return answer(to_response({413, "too_large", "the body is larger than 8 MiB"}));
  }
  if (error == http::error::header_limit || error == http::error::buffer_overflow) {
    return answer(to_response({431, "too_large", "the header is larger than 16 KiB"}));
  }
  if (error.category() == make_error_code(http::error::bad_method).category() &&
      error != http::error::end_of_stream && error != http::error::partial_message) {
    return answer(to_response({400, "bad_request", "this is not a valid HTTP request"}));
  }
  finish();
}

void HttpSession::answer(ApiResponse response) {
  const bool known = parser_ && parser_->is_header_done();
  const unsigned version = known ? parser_->get().version() : kHttp11;
  response_ = {static_cast<http::status>(response.status), version};
  response_.set(http::field::server, "charter-daemon");
  response_.set(http::field::date, http_date());
  response_.set(http::field::content_type, response.content_type);
  response_.set("X-Content-Type-Options", "nosniff");
  response_.set("Referrer-Policy", "no-referrer");
  if (response.etag.empty()) {
    response_.set(http::field::cache_control, "no-store");
  } else {
    // Kept, and asked for again each time: another version of the program has other files.
    response_.set(http::field::cache_control, "no-cache");
    response_.set(http::field::etag, response.etag);
    response_.set("Content-Security-Policy", kPagePolicy);
    response_.set("Cross-Origin-Opener-Policy", "same-origin");
    response_.set("Cross-Origin-Resource-Policy", "same-origin");
  }
  if (response.status == 401) response_.set(http::field::www_authenticate, "Bearer");
  if (response.status == 426) {
    response_.set(http::field::upgrade, "websocket");
    response_.set(http::field::sec_websocket_version, kWebSocketVersion);
  }
  if (!response.allow.empty()) response_.set(http::field::allow, response.allow);
  response_.keep_alive(!last_);
  response_.body() = std::move(response.body);
  response_.prepare_payload();
  if (response.status == 204 || response.status == 304)
    response_.erase(http::field::content_length);
  // A HEAD is answered by the header alone.
  if (known && parser_->get().method() == http::verb::head) response_.body().clear();
  stream_.expires_after(kAnswerLimit);
  http::async_write(stream_, response_, [self = shared_from_this()](Error error, std::size_t) {
    self->on_answered(error);
  });
}

void HttpSession::on_answered(Error error) {
  if (error) return;
  if (last_) return finish();
  second_ = true;
  read_header();
}

// Closing while the peer is still sending would reset the connection and take the answer with it,
// so the rest is read for a moment.
void HttpSession::finish() {
  Error error;
  stream_.socket().shutdown(boost::asio::ip::tcp::socket::shutdown_send, error);
  if (error) return;
  stream_.expires_after(kRestLimit);
  read_the_rest();
}

void HttpSession::read_the_rest() {
  stream_.async_read_some(boost::asio::buffer(rest_),
                          [self = shared_from_this()](Error error, std::size_t) {
                            if (!error) self->read_the_rest();
                          });
}

}  // namespace charter::gateway
