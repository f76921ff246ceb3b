#include "tests/support/connect_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace charter::tests {
namespace {

constexpr int kLookAroundMs = 20;  // how often a thread looks whether the proxy is to end

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

void send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

// False when `from` has ended.
bool pass_on(int from, int to) {
  std::array<char, 65536> block;
  const ssize_t count = ::recv(from, block.data(), block.size(), 0);
  if (count <= 0) return false;
  send_all(to, {block.data(), static_cast<std::size_t>(count)});
  return true;
}

}  // namespace

ConnectProxy::ConnectProxy(std::uint16_t target) : target_(target) {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 64) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    throw std::system_error(errno, std::generic_category(), "proxy");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_loop(); });
}

ConnectProxy::~ConnectProxy() {
  stop_ = true;
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(listener_);
}

void ConnectProxy::answer_instead(std::string response) {
  const std::lock_guard lock(mutex_);
  answer_instead_ = std::move(response);
}

std::vector<std::string> ConnectProxy::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

void ConnectProxy::accept_loop() {
  while (!stop_) {
    pollfd wait{listener_, POLLIN, 0};
    if (::poll(&wait, 1, kLookAroundMs) != 1) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client >= 0) threads_.emplace_back([this, client] { serve(client); });
  }
}

void ConnectProxy::serve(int client) {
  const int gateway = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(target_);
  if (take_request(client) &&
      ::connect(gateway, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    send_all(client, "HTTP/1.1 200 Connection established\r\n\r\n");
    relay(client, gateway);
  }
  ::close(gateway);
  ::close(client);
}

bool ConnectProxy::take_request(int client) {
  std::string head;
  std::array<char, 4096> block;
  while (head.find("\r\n\r\n") == std::string::npos) {
    const ssize_t count = ::recv(client, block.data(), block.size(), 0);
    if (count <= 0) return false;
    head.append(block.data(), static_cast<std::size_t>(count));
  }
  const std::lock_guard lock(mutex_);
  requests_.push_back(head);
  if (!answer_instead_.empty()) send_all(client, answer_instead_);
  return answer_instead_.empty();
}

void ConnectProxy::relay(int client, int gateway) const {
  bool open = true;
  while (open && !stop_) {
    std::array<pollfd, 2> set{pollfd{client, POLLIN, 0}, pollfd{gateway, POLLIN, 0}};
    ::poll(set.data(), set.size(), kLookAroundMs);
    if (set[0].revents != 0) open = pass_on(client, gateway);
    if (open && set[1].revents != 0) open = pass_on(gateway, client);
  }
}

}  // namespace charter::tests
