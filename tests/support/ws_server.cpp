#include "tests/support/ws_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "tests/support/ws_frame.h"
#include "tests/support/ws_peer.h"

namespace charter::tests {
namespace {

constexpr int kBacklog = 512;

void require(bool held, const char* what) {
  if (!held) throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

WsServer::WsServer(WsRules rules, WsStreamMaker maker)
    : maker_(std::move(maker)), rules_(std::move(rules)), wake_(::eventfd(0, EFD_CLOEXEC)) {
  listen();
}

WsServer::~WsServer() {
  stop_listening();
  peers_.clear();
  ::close(wake_);
}

std::string WsServer::url() const { return "http://127.0.0.1:" + std::to_string(port_); }

void WsServer::listen() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  require(listener_ >= 0, "socket");
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port_);
  socklen_t size = sizeof address;
  require(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0, "bind");
  require(::listen(listener_, kBacklog) == 0, "listen");
  require(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0,
          "getsockname");
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this, listener = listener_] { accept_loop(listener); });
}

void WsServer::accept_loop(int listener) {
  for (;;) {
    std::array<pollfd, 2> set{};
    set[0] = {frozen_ ? -1 : listener, POLLIN, 0};
    set[1] = {wake_, POLLIN, 0};
    ::poll(set.data(), set.size(), -1);
    std::uint64_t value = 0;
    if ((set[1].revents & POLLIN) != 0) {
      (void)!::read(wake_, &value, sizeof value);
      if (value >= kStop) return;
    }
    if ((set[0].revents & POLLIN) == 0) continue;
    const int socket = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) continue;
    const std::lock_guard lock(mutex_);
    peers_.push_back(std::make_shared<WsPeer>(*this, maker_(socket), peers_.size()));
  }
}

void WsServer::wake_acceptor(std::uint64_t value) { (void)!::write(wake_, &value, sizeof value); }

void WsServer::stop_listening() {
  if (listener_ < 0) return;
  wake_acceptor(kStop);
  acceptor_.join();
  ::close(listener_);
  listener_ = -1;
}

void WsServer::listen_again() {
  if (listener_ < 0) listen();
}

void WsServer::set_rules(WsRules rules) {
  const std::lock_guard lock(mutex_);
  rules_ = std::move(rules);
}

WsRules WsServer::rules() const {
  const std::lock_guard lock(mutex_);
  return rules_;
}

void WsServer::set_frozen(bool frozen) {
  frozen_ = frozen;
  wake_acceptor(1);
  const std::lock_guard lock(mutex_);
  for (const auto& peer : peers_) peer->nudge();
}

std::size_t WsServer::connections() const {
  const std::lock_guard lock(mutex_);
  return peers_.size();
}

std::size_t WsServer::upgrades() const {
  const std::lock_guard lock(mutex_);
  std::size_t count = 0;
  for (const auto& peer : peers_) count += peer->upgraded() ? 1 : 0;
  return count;
}

WsRecord WsServer::record(std::size_t connection) const {
  const std::lock_guard lock(mutex_);
  return peers_.at(connection)->record();
}

std::vector<WsMessage> WsServer::messages() const {
  const std::lock_guard lock(mutex_);
  std::vector<WsMessage> all;
  for (const auto& peer : peers_) {
    const auto record = peer->record();
    all.insert(all.end(), record.messages.begin(), record.messages.end());
  }
  return all;
}

std::shared_ptr<WsPeer> WsServer::newest() const {
  const std::lock_guard lock(mutex_);
  if (peers_.empty()) throw std::logic_error("nobody has connected");
  return peers_.back();
}

void WsServer::send_text(std::string_view text) {
  send_raw(frame_bytes({true, 0, WsOpcode::text, false, std::string(text)}));
}

void WsServer::send_binary(std::string_view bytes) {
  send_raw(frame_bytes({true, 0, WsOpcode::binary, false, std::string(bytes)}));
}

void WsServer::send_raw(std::string bytes) { newest()->send(std::move(bytes)); }

void WsServer::send_close(std::uint16_t code, std::string_view reason) {
  send_raw(frame_bytes({true, 0, WsOpcode::close, false, close_payload(code, reason)}));
}

void WsServer::send_ping(std::string_view payload) {
  const std::lock_guard lock(mutex_);
  const auto upgraded = std::find_if(peers_.rbegin(), peers_.rend(),
                                     [](const auto& peer) { return peer->upgraded(); });
  if (upgraded == peers_.rend()) return;
  (*upgraded)->send(frame_bytes({true, 0, WsOpcode::ping, false, std::string(payload)}));
}

void WsServer::end() { newest()->end(); }

void WsServer::reset() { newest()->reset(); }

void WsServer::reset_all() {
  const std::lock_guard lock(mutex_);
  for (const auto& peer : peers_) peer->reset();
}

}  // namespace charter::tests
