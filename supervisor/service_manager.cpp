#include "supervisor/service_manager.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <utility>

namespace charter::supervisor {
namespace {

constexpr int kFirstDescriptor = 3;  // SD_LISTEN_FDS_START

std::string take(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  ::unsetenv(name);
  return text;
}

std::optional<std::uint64_t> number(const std::string& text) {
  std::uint64_t value = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return value;
}

// Meant for this very process, and not for a parent that left them in its environment.
bool meant_for_us(const std::string& pid) {
  return number(pid) == static_cast<std::uint64_t>(::getpid());
}

std::string path_of(const sockaddr_un& address, socklen_t size) {
  if (size <= offsetof(sockaddr_un, sun_path)) return {};
  return {address.sun_path, ::strnlen(address.sun_path, size - offsetof(sockaddr_un, sun_path))};
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  ServiceManager manager;
  std::string address = take("NOTIFY_SOCKET");
  if (address.size() > 1 && (address[0] == '/' || address[0] == '@') &&
      address.size() < sizeof(sockaddr_un::sun_path)) {
    manager.address_ = std::move(address);
  }
  const auto watchdog = number(take("WATCHDOG_USEC"));
  const std::string watched = take("WATCHDOG_PID");
  if (watchdog && *watchdog > 0 && (watched.empty() || meant_for_us(watched))) {
    const auto half = std::chrono::microseconds(*watchdog / 2);
    manager.interval_ = std::max(std::chrono::milliseconds(1),
                                 std::chrono::duration_cast<std::chrono::milliseconds>(half));
  }
  const auto count = number(take("LISTEN_FDS"));
  ::unsetenv("LISTEN_FDNAMES");
  if (meant_for_us(take("LISTEN_PID")) && count) {
    manager.handed_over_ = static_cast<int>(std::min<std::uint64_t>(*count, 1024));
  }
  // They must not reach a child, whatever becomes of them.
  for (int i = 0; i < manager.handed_over_; ++i) {
    ::fcntl(kFirstDescriptor + i, F_SETFD, FD_CLOEXEC);
  }
  return manager;
}

// Never waits: a manager that does not read must not hold up the loop.
void ServiceManager::send(std::string_view message) const {
  if (address_.empty()) return;
  const ipc::UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, address_.data(), address_.size());
  if (address_[0] == '@') address.sun_path[0] = '\0';  // an abstract name
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address_.size());
  ::sendto(socket.get(), message.data(), message.size(), MSG_NOSIGNAL,
           reinterpret_cast<const sockaddr*>(&address), size);
}

void ServiceManager::reloading() const {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  send(fmt::format("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1'000'000 + now.tv_nsec / 1000));
}

void ServiceManager::status(std::string text) {
  if (text == status_) return;
  status_ = std::move(text);
  send("STATUS=" + status_);
}

ipc::Result<ipc::UniqueFd> ServiceManager::take_socket(const std::string& path) {
  const int count = std::exchange(handed_over_, 0);
  if (count == 0) return ipc::UniqueFd();
  if (count > 1) {
    return ipc::plain_error(
        fmt::format("{} sockets were handed over by the service manager; one is served", count));
  }
  ipc::UniqueFd socket(kFirstDescriptor);
  sockaddr_un address{};
  socklen_t size = sizeof address;
  int type = 0;
  int listening = 0;
  socklen_t option = sizeof type;
  if (::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0 ||
      ::getsockopt(socket.get(), SOL_SOCKET, SO_TYPE, &type, &option) != 0 ||
      ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &option) != 0) {
    return ipc::errno_error("look at the socket handed over by the service manager");
  }
  if (address.sun_family != AF_UNIX || type != SOCK_STREAM || listening == 0) {
    return ipc::plain_error(
        "What the service manager handed over is not a listening Unix stream socket");
  }
  if (const std::string given = path_of(address, size); given != path) {
    return ipc::plain_error(fmt::format(
        "The service manager handed over a socket at {}, and clients look at {}", given, path));
  }
  ::fcntl(socket.get(), F_SETFL, ::fcntl(socket.get(), F_GETFL) | O_NONBLOCK);
  return socket;
}

}  // namespace charter::supervisor
