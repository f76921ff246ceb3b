#include "supervisor/link/link.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdlib>
#include <random>
#include <utility>

#include "ipc/gateway_message.h"
#include "ipc/journal.h"
#include "supervisor/link/backoff.h"
#include "supervisor/link/connector.h"
#include "supervisor/link/credentials.h"
#include "supervisor/link/exchange.h"
#include "supervisor/link/proxy.h"
#include "supervisor/link/refusal.h"
#include "supervisor/link/web_socket.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds kStopGrace{200};
constexpr milliseconds kLastWords{20};
// After so many connections that lived and never saw a pong the gateway counts as one that gives
// none.
constexpr int kSilentConnections = 3;
constexpr std::string_view kNoPongs =
    "the gateway answers no pings: what its TCP side acknowledged counts as delivered";

double in_seconds(milliseconds wait) { return static_cast<double>(wait.count()) / 1000; }

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

}  // namespace

// The states are those of LinkStatus; the moves:
//
// | from       | what happens                         | to         |
// |------------|--------------------------------------|------------|
// | stopped    | start()                              | connecting |
// | connecting | the upgrade was accepted, and a gateway that chose charter.capnp.v1 has  |
// |            | said welcome                         | up         |
// | connecting | refused, failed, out of time         | waiting    |
// | up         | closed, lost, silent                 | waiting    |
// | waiting    | the wait is over                     | connecting |
// | any        | stop(): a close frame first, if up   | stopped    |
class Link::Impl : public std::enable_shared_from_this<Impl>, public WebSocketOwner {
 public:
  Impl(boost::asio::any_io_executor executor, LinkSettings settings, LinkClient& client)
      : executor_(std::move(executor)),
        settings_(std::move(settings)),
        client_(client),
        timer_(executor_),
        connector_(executor_, settings_.tls),
        backoff_(settings_.reconnect_delay, std::random_device{}()),
        offers_capnp_(settings_.offer_capnp) {}

  void start();
  void wake() {
    if (exchange_) exchange_->wake();
  }
  void use(const std::string& token, const std::string& token_file, const TlsSettings& tls);
  void redial();
  void stop(std::function<void()> done);
  // The client hears nothing more, whatever still ends.
  void abandon();
  [[nodiscard]] LinkStatus status() const;

 private:
  using State = LinkStatus::State;

  void dial();
  [[nodiscard]] std::optional<std::string> prepare(Connector::Order& order);
  void connected(std::unique_ptr<Transport> transport, const std::string& error);
  [[nodiscard]] std::optional<std::string> objection_to(Reach reach, const std::string& where);
  void stand(WireProtocol protocol);
  void welcomed(const std::string& message, bool binary);
  void not_meant(const std::string& reason);
  void failed(const std::string& reason, milliseconds wait);
  void lost(const std::string& reason);
  void gave_up(const std::string& reason);
  void drop_connection();
  void retry_in(milliseconds wait);
  void finish_stop();
  void arm(Clock::time_point when, void (Impl::*expired)());
  void out_of_time();

  void opened(bool chosen) override;
  void refused(const UpgradeRefusal& refusal) override;
  void closed(const std::string& reason) override;
  void received(std::string message, bool binary) override;
  void ponged(std::string_view payload) override;

  boost::asio::any_io_executor executor_;
  LinkSettings settings_;
  LinkClient& client_;
  boost::asio::steady_timer timer_;
  std::uint64_t turn_ = 0;  // of the timer
  Connector connector_;
  Backoff backoff_;
  std::string authorization_;  // of this attempt; a secret
  bool offers_capnp_;          // until a gateway chooses it that does not speak it
  bool awaits_welcome_ = false;
  WireProtocol protocol_ = WireProtocol::json;
  std::unique_ptr<WebSocket> socket_;
  std::shared_ptr<Exchange> exchange_;
  std::function<void()> stop_done_;
  bool stopping_ = false;

  State state_ = State::stopped;
  std::string last_error_;
  std::string token_warning_;
  std::uint64_t connections_ = 0;
  std::uint64_t attempts_ = 0;
  int silent_connections_ = 0;
  Clock::time_point next_try_;
  Clock::time_point up_since_;
  std::int64_t up_since_us_ = 0;
  std::int64_t last_heartbeat_us_ = 0;  // of connections that are over
  std::int64_t last_heard_us_ = 0;
};

void Link::Impl::start() {
  if (state_ == State::stopped && !stopping_) dial();
}

void Link::Impl::dial() {
  state_ = State::connecting;
  ++attempts_;
  log::info("Connecting to gateway: gateway={} attempt={}", settings_.gateway.url, attempts_);
  Connector::Order order;
  order.deadline = Clock::now() + settings_.connect_timeout;
  if (const auto obstacle = prepare(order)) {
    failed(*obstacle, backoff_.next(Clock::now()));
    return;
  }
  // A moment later, so that a stage that is out of time itself can say more.
  arm(order.deadline + kLastWords, &Impl::out_of_time);
  connector_.connect(
      std::move(order),
      [weak = weak_from_this()](std::unique_ptr<Transport> transport, const std::string& error) {
        if (const auto self = weak.lock()) self->connected(std::move(transport), error);
      });
}

// What there is to know before the first packet: the token and the way.
std::optional<std::string> Link::Impl::prepare(Connector::Order& order) {
  std::string token = settings_.token;
  if (!settings_.token_file.empty()) {
    auto read = read_token_file(settings_.token_file);
    if (!read) return read.error().message();
    token = std::move(*read);
  }
  if (auto problem = token_problem(token)) return problem;
  authorization_ = authorization_for(settings_.gateway, token);
  auto proxy = proxy_for(settings_.gateway, environment);
  if (!proxy) return proxy.error().message();
  order.gateway = settings_.gateway;
  order.proxy = std::move(*proxy);
  order.objection = [this](const boost::asio::ip::address& address) {
    return objection_to(reach_of(address), address.to_string());
  };
  if (!order.proxy) return std::nullopt;
  // The proxy looks the name up, so only a literal address tells how far the token goes.
  return objection_to(known_reach(settings_.gateway).value_or(Reach::public_network),
                      settings_.gateway.host);
}

std::optional<std::string> Link::Impl::objection_to(Reach reach, const std::string& where) {
  if (authorization_.empty()) return std::nullopt;
  switch (token_rule(settings_.gateway, reach, settings_.insecure_token)) {
    case TokenRule::send:
      return std::nullopt;
    case TokenRule::refuse:
      return token_refusal(where);
    case TokenRule::send_with_warning:
      break;
  }
  if (token_warning_.empty()) {
    token_warning_ = token_warning(where);
    // Of a literal address the start has warned already.
    if (!known_reach(settings_.gateway)) log::warning("{}", token_warning_);
  }
  return std::nullopt;
}

void Link::Impl::connected(std::unique_ptr<Transport> transport, const std::string& error) {
  if (!transport) {
    failed(error, backoff_.next(Clock::now()));
    return;
  }
  socket_ = std::make_unique<WebSocket>(std::move(transport), *this);
  socket_->open({settings_.gateway.host_header, settings_.gateway.target, authorization_,
                 offers_capnp_ ? std::string(ipc::wire::kSubprotocol) : std::string()});
}

void Link::Impl::out_of_time() {
  if (awaits_welcome_) return not_meant("said no welcome in it");
  const std::string what = socket_ ? "the gateway to answer the upgrade" : connector_.waiting_for();
  failed("out of time, waiting for " + what, backoff_.next(Clock::now()));
}

void Link::Impl::opened(bool chosen) {
  awaits_welcome_ = chosen;
  if (!chosen) stand(WireProtocol::json);
}

void Link::Impl::stand(WireProtocol protocol) {
  ++turn_;
  state_ = State::up;
  protocol_ = protocol;
  up_since_ = Clock::now();
  up_since_us_ = ipc::now_us();
  last_heard_us_ = up_since_us_;
  ++connections_;
  attempts_ = 0;
  const bool capnp = protocol == WireProtocol::capnp;
  log::info("Gateway connection established: gateway={} protocol={}", settings_.gateway.url,
            capnp ? ipc::wire::kSubprotocol : "json");
  using Confirmation = Exchange::Confirmation;
  const bool pongs = silent_connections_ < kSilentConnections;
  exchange_ = std::make_shared<Exchange>(
      executor_, *socket_, client_, settings_.heartbeat,
      capnp ? Confirmation::acks : (pongs ? Confirmation::pongs : Confirmation::tcp),
      [this](const std::string& reason) { gave_up(reason); });
  client_.link_up(protocol);
  if (exchange_) exchange_->start();
}

void Link::Impl::received(std::string message, bool binary) {
  last_heard_us_ = ipc::now_us();
  if (awaits_welcome_) return welcomed(message, binary);
  const bool capnp = protocol_ == WireProtocol::capnp;
  if (binary != capnp) {
    // In JSON a binary message is none of the protocol, and dropped.
    if (capnp && !stopping_)
      lost("the gateway sent a text message in " + std::string(ipc::wire::kSubprotocol));
    return;
  }
  const auto taken = client_.received(std::move(message));
  if (!exchange_) return;
  if (!taken && !stopping_) return lost("the gateway sent a " + taken.error().message());
  exchange_->heard();
}

void Link::Impl::welcomed(const std::string& message, bool binary) {
  if (!binary) return not_meant("answers in text");
  const auto first = ipc::wire::decode_to_daemon(message);
  if (!first) return not_meant("began with: " + first.error().message());
  if (!std::holds_alternative<ipc::wire::Welcome>(*first)) return not_meant("said no welcome");
  awaits_welcome_ = false;
  stand(WireProtocol::capnp);
}

// Some servers choose whatever they are offered first.
void Link::Impl::not_meant(const std::string& reason) {
  offers_capnp_ = false;
  failed("the gateway chose " + std::string(ipc::wire::kSubprotocol) + " but " + reason +
             "; it is not offered any more",
         backoff_.next(Clock::now()));
}

void Link::Impl::refused(const UpgradeRefusal& refusal) {
  const auto now = Clock::now();
  const auto retry_after = retry_after_of(refusal, std::chrono::system_clock::now());
  const bool has_token = !authorization_for(settings_.gateway, settings_.token).empty();
  failed(words_for(refusal, has_token),
         retry_after ? backoff_.next_after(*retry_after, now) : backoff_.next_after_refusal(now));
}

void Link::Impl::closed(const std::string& reason) {
  if (stopping_) {
    finish_stop();
  } else if (state_ == State::up) {
    lost(reason);
  } else {
    failed(reason, backoff_.next(Clock::now()));
  }
}

void Link::Impl::ponged(std::string_view payload) {
  silent_connections_ = 0;
  last_heard_us_ = ipc::now_us();
  if (exchange_) exchange_->ponged(payload);
}

void Link::Impl::gave_up(const std::string& reason) {
  if (protocol_ == WireProtocol::json && !exchange_->has_ponged() &&
      silent_connections_ < kSilentConnections && ++silent_connections_ == kSilentConnections) {
    log::warning("{}", kNoPongs);
  }
  lost(reason);
}

void Link::Impl::lost(const std::string& reason) {
  const auto now = Clock::now();
  // A gateway that confirms something and drops the connection at once has not recovered.
  if (exchange_->has_confirmed() && now - up_since_ >= settings_.heartbeat) backoff_.progress();
  drop_connection();
  last_error_ = reason;
  const milliseconds wait = backoff_.next(now);
  log::warning("Gateway connection lost: gateway={}: {}. Reconnecting in {:.1f}s",
               settings_.gateway.url, reason, in_seconds(wait));
  retry_in(wait);
  client_.link_down(reason);
}

void Link::Impl::failed(const std::string& reason, milliseconds wait) {
  drop_connection();
  last_error_ = reason;
  log::warning("Gateway connection failed: gateway={}: {}. Retrying in {:.1f}s",
               settings_.gateway.url, reason, in_seconds(wait));
  retry_in(wait);
}

void Link::Impl::drop_connection() {
  ++turn_;
  awaits_welcome_ = false;
  if (exchange_) {
    exchange_->stop();
    last_heartbeat_us_ = std::max(last_heartbeat_us_, exchange_->last_heartbeat_us());
  }
  exchange_.reset();
  socket_.reset();
  connector_.cancel();
}

void Link::Impl::retry_in(milliseconds wait) {
  state_ = State::waiting;
  next_try_ = Clock::now() + wait;
  arm(next_try_, &Impl::dial);
}

// A wait that has run out cannot be cancelled any more, hence the turn it belongs to.
void Link::Impl::arm(Clock::time_point when, void (Impl::*expired)()) {
  timer_.expires_at(when);
  timer_.async_wait(
      [weak = weak_from_this(), turn = ++turn_, expired](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (!error && self && self->turn_ == turn) (self.get()->*expired)();
      });
}

void Link::Impl::use(const std::string& token, const std::string& token_file,
                     const TlsSettings& tls) {
  settings_.token = token;
  settings_.token_file = token_file;
  settings_.tls = tls;
  connector_.use(tls);
}

void Link::Impl::redial() {
  if (stopping_ || state_ == State::stopped) return;
  const bool was_up = state_ == State::up;
  drop_connection();
  retry_in(milliseconds(0));
  if (was_up) client_.link_down("connecting anew");
}

void Link::Impl::stop(std::function<void()> done) {
  stop_done_ = std::move(done);
  if (stopping_) return;
  stopping_ = true;
  if (state_ == State::up) {
    exchange_->stop();
    arm(Clock::now() + kStopGrace, &Impl::finish_stop);
    socket_->close();
    return;
  }
  drop_connection();
  timer_.cancel();
  boost::asio::post(executor_, [self = shared_from_this()] { self->finish_stop(); });
}

void Link::Impl::finish_stop() {
  drop_connection();
  timer_.cancel();
  state_ = State::stopped;
  stopping_ = false;
  if (const auto done = std::exchange(stop_done_, nullptr)) done();
}

void Link::Impl::abandon() {
  stop_done_ = nullptr;
  drop_connection();
  timer_.cancel();
  state_ = State::stopped;
}

LinkStatus Link::Impl::status() const {
  LinkStatus status;
  status.state = state_;
  status.last_error = last_error_;
  status.connections = connections_;
  status.attempts = attempts_;
  if (state_ == State::waiting) {
    status.next_try = std::max(milliseconds(0),
                               std::chrono::duration_cast<milliseconds>(next_try_ - Clock::now()));
  }
  if (state_ == State::up) status.up_since_us = up_since_us_;
  status.last_heartbeat_us =
      std::max(last_heartbeat_us_, exchange_ ? exchange_->last_heartbeat_us() : 0);
  status.last_heard_us = last_heard_us_;
  status.protocol = state_ == State::up ? protocol_ : WireProtocol::json;
  status.confirms_by_pong = silent_connections_ < kSilentConnections;
  status.warning = token_warning_;
  if (!status.confirms_by_pong) {
    status.warning += (status.warning.empty() ? "" : "; ") + std::string(kNoPongs);
  }
  return status;
}

Link::Link(boost::asio::any_io_executor executor, LinkSettings settings, LinkClient& client)
    : impl_(std::make_shared<Impl>(std::move(executor), std::move(settings), client)) {}

Link::~Link() { impl_->abandon(); }

void Link::start() { impl_->start(); }

void Link::wake() { impl_->wake(); }

void Link::use(const std::string& token, const std::string& token_file, const TlsSettings& tls) {
  impl_->use(token, token_file, tls);
}

void Link::redial() { impl_->redial(); }

void Link::stop(std::function<void()> done) { impl_->stop(std::move(done)); }

LinkStatus Link::status() const { return impl_->status(); }

}  // namespace charter::supervisor
