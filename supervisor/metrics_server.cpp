#include "supervisor/metrics_server.h"

#include <spdlog/fmt/fmt.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <chrono>
#include <unordered_set>
#include <utility>

#include "ipc/exposition.h"
#include "ipc/local_host.h"
#include "supervisor/log.h"

namespace charter::supervisor {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using local = asio::local::stream_protocol;
using Error = boost::system::error_code;

namespace {

constexpr std::uint32_t kMaxHeaderBytes = 8U << 10;
constexpr std::size_t kMaxSessions = 16;
constexpr std::chrono::seconds kHeaderLimit{5};
constexpr std::chrono::seconds kAnswerLimit{10};
constexpr std::chrono::seconds kRestLimit{1};
constexpr std::chrono::milliseconds kPauseAfterError{100};
constexpr unsigned kHttp11 = 11;

struct Reply {
  http::status status = http::status::ok;
  std::string body;
  std::string_view type = "text/plain; charset=utf-8";
};

}  // namespace

struct MetricsServer::Shared {
  Hooks hooks;
  bool local_only = true;  // a Host header must name this machine: over TCP
  std::unordered_set<Session*> sessions;
};

class MetricsServer::Session : public std::enable_shared_from_this<Session> {
 public:
  Session(asio::generic::stream_protocol::socket socket, std::shared_ptr<Shared> shared)
      : stream_(std::move(socket)), shared_(std::move(shared)) {
    shared_->sessions.insert(this);
    parser_.header_limit(kMaxHeaderBytes);
  }
  ~Session() { shared_->sessions.erase(this); }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  void start() {
    stream_.expires_after(kHeaderLimit);
    http::async_read_header(
        stream_, buffer_, parser_,
        [self = shared_from_this()](Error error, std::size_t) { self->read(error); });
  }
  void end() { stream_.cancel(); }

 private:
  void read(Error error) {
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
      return answer({http::status::request_header_fields_too_large, "The header is too large\n"});
    }
    if (!error) return answer(reply());
    // What came is no HTTP; when nothing came, or not all of it, nobody waits for an answer.
    const bool http_error = error.category() == make_error_code(http::error::bad_method).category();
    if (http_error && error != http::error::end_of_stream &&
        error != http::error::partial_message) {
      answer({http::status::bad_request, "This is not a valid HTTP request\n"});
    }
  }

  [[nodiscard]] Reply reply() const {
    const auto& request = parser_.get();
    const bool known = request.method() == http::verb::get || request.method() == http::verb::head;
    // A web site may have a name of its own resolve to this machine.
    const auto hosts = request.count(http::field::host);
    if (shared_->local_only &&
        (hosts > 1 || (hosts == 1 && !ipc::local_host(request[http::field::host])))) {
      return {http::status::forbidden, "The Host header does not name this machine\n"};
    }
    std::string_view path = request.target();
    path = path.substr(0, path.find('?'));
    if (path != "/metrics" && path != "/healthz" && path != "/readyz") {
      return {http::status::not_found, "There are /metrics, /healthz and /readyz\n"};
    }
    if (!known) return {http::status::method_not_allowed, "This path answers GET and HEAD only\n"};
    if (path == "/healthz") return {http::status::ok, "ok\n"};
    if (path == "/metrics") {
      return {http::status::ok, shared_->hooks.metrics(), ipc::Exposition::kContentType};
    }
    const std::string why = shared_->hooks.not_ready();
    if (why.empty()) return {http::status::ok, "ready\n"};
    return {http::status::service_unavailable, "not ready: " + why + "\n"};
  }

  void answer(Reply reply) {
    const bool known = parser_.is_header_done();
    response_ = {reply.status, known ? parser_.get().version() : kHttp11};
    response_.set(http::field::server, "charter-daemon");
    response_.set(http::field::content_type, reply.type);
    response_.set(http::field::cache_control, "no-store");
    response_.set("X-Content-Type-Options", "nosniff");
    if (reply.status == http::status::method_not_allowed) {
      response_.set(http::field::allow, "GET, HEAD");
    }
    response_.keep_alive(false);
    response_.body() = std::move(reply.body);
    response_.prepare_payload();
    if (known && parser_.get().method() == http::verb::head) response_.body().clear();
    stream_.expires_after(kAnswerLimit);
    http::async_write(stream_, response_, [self = shared_from_this()](Error error, std::size_t) {
      if (!error) self->finish();
    });
  }

  // Closing while the peer still sends would reset the connection and take the answer with it, so
  // the rest is read for a moment.
  void finish() {
    Error error;
    stream_.socket().shutdown(asio::socket_base::shutdown_send, error);
    if (error) return;
    stream_.expires_after(kRestLimit);
    read_the_rest();
  }
  void read_the_rest() {
    stream_.async_read_some(asio::buffer(rest_),
                            [self = shared_from_this()](Error error, std::size_t) {
                              if (!error) self->read_the_rest();
                            });
  }

  beast::basic_stream<asio::generic::stream_protocol> stream_;
  std::shared_ptr<Shared> shared_;
  beast::flat_buffer buffer_{kMaxHeaderBytes + (4U << 10)};
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
  std::array<char, 1024> rest_{};
};

MetricsServer::MetricsServer(asio::any_io_executor executor)
    : executor_(executor), pause_(executor), shared_(std::make_shared<Shared>()) {}

MetricsServer::~MetricsServer() { stop(); }

ipc::Result<std::unique_ptr<MetricsServer>> MetricsServer::listen(asio::any_io_executor executor,
                                                                  const MetricsPlace& place) {
  std::unique_ptr<MetricsServer> server(new MetricsServer(executor));
  if (!place.path.empty()) {
    auto taken = SocketPlace::take(place.path);
    if (!taken) return taken.error();
    server->unix_place_.emplace(std::move(*taken));
    server->unix_path_ = place.path;
    server->shared_->local_only = false;
    server->unix_.emplace(executor, local(), server->unix_place_->take_listener().release());
    return server;
  }
  Error error;
  const tcp::endpoint endpoint(asio::ip::make_address(place.address, error), place.port);
  auto& acceptor = server->tcp_.emplace(executor);
  if (!error) acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return ipc::Error{error,
                      fmt::format("Cannot serve metrics on {} port {}", place.address, place.port)};
  }
  return server;
}

std::string MetricsServer::where() const {
  if (unix_) return "unix:" + unix_path_;
  Error error;
  const auto endpoint = tcp_->local_endpoint(error);
  const std::string address = endpoint.address().to_string();
  const std::string host = endpoint.address().is_v6() ? "[" + address + "]" : address;
  return fmt::format("http://{}:{}", host, endpoint.port());
}

void MetricsServer::start(Hooks hooks) {
  shared_->hooks = std::move(hooks);
  accept();
}

void MetricsServer::stop() {
  Error ignored;
  if (tcp_) tcp_->close(ignored);
  if (unix_) unix_->close(ignored);
  if (unix_place_) unix_place_->remove();
  pause_.cancel();
  for (Session* session : shared_->sessions) session->end();
}

void MetricsServer::accept() { tcp_ ? accept_from(*tcp_) : accept_from(*unix_); }

template <class Acceptor>
void MetricsServer::accept_from(Acceptor& acceptor) {
  using Socket = typename Acceptor::protocol_type::socket;
  acceptor.async_accept([this, &acceptor](Error error, Socket socket) {
    if (error == asio::error::operation_aborted || !acceptor.is_open()) return;
    if (error) {
      // Out of descriptors, mostly: trying again at once would only spin.
      log::warning("Metrics: accept: {}", error.message());
      pause_.expires_after(kPauseAfterError);
      return pause_.async_wait([this](Error failed) {
        if (!failed) accept();
      });
    }
    accepted(asio::generic::stream_protocol::socket(std::move(socket)));
    accept();
  });
}

void MetricsServer::accepted(asio::generic::stream_protocol::socket socket) {
  if (shared_->sessions.size() >= kMaxSessions) return;  // closed at once
  std::make_shared<Session>(std::move(socket), shared_)->start();
}

}  // namespace charter::supervisor
