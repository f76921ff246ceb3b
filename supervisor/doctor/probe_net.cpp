#include "supervisor/doctor/probe_net.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

namespace charter::supervisor {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::size_t kMostHead = 16U << 10;

ipc::Error out_of_time(const std::string& what) {
  return ipc::plain_error(what + ": no answer in time");
}

// Shared with a thread that may outlive whoever waits for it.
struct LookUp {
  std::mutex mutex;
  std::condition_variable done;
  bool over = false;
  int code = 0;
  std::vector<Endpoint> found;
};

std::vector<Endpoint> endpoints_of(const addrinfo* list) {
  std::vector<Endpoint> found;
  for (const addrinfo* one = list; one != nullptr; one = one->ai_next) {
    Endpoint endpoint;
    endpoint.family = one->ai_family;
    const auto* bytes = reinterpret_cast<const std::uint8_t*>(one->ai_addr);
    endpoint.address.assign(bytes, bytes + one->ai_addrlen);
    std::array<char, NI_MAXHOST> name{};
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, name.data(), name.size(), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      endpoint.shown = name.data();
    }
    found.push_back(std::move(endpoint));
  }
  return found;
}

void run_look_up(const std::shared_ptr<LookUp>& shared, const std::string& host,
                 const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &list);
  const std::lock_guard lock(shared->mutex);
  shared->code = code;
  if (code == 0) shared->found = endpoints_of(list);
  if (list != nullptr) ::freeaddrinfo(list);
  shared->over = true;
  shared->done.notify_all();
}

// Whether the socket is ready for the events before the deadline.
bool ready(int socket, short events, const Deadline& deadline) {
  for (;;) {
    pollfd one{.fd = socket, .events = events, .revents = 0};
    const int count = ::poll(&one, 1, deadline.left());
    if (count > 0) return true;
    if (count == 0 || errno != EINTR) return false;
  }
}

ipc::Result<ipc::UniqueFd> connect_one(const Endpoint& endpoint, const Deadline& deadline) {
  const std::string what = "connect to " + endpoint.shown;
  ipc::UniqueFd socket(::socket(endpoint.family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return ipc::errno_error("socket");
  const auto* address = reinterpret_cast<const sockaddr*>(endpoint.address.data());
  const auto size = static_cast<socklen_t>(endpoint.address.size());
  if (::connect(socket.get(), address, size) == 0) return socket;
  if (errno != EINPROGRESS) return ipc::errno_error(what);
  if (!ready(socket.get(), POLLOUT, deadline)) return out_of_time(what);
  int code = 0;
  socklen_t length = sizeof code;
  ::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &code, &length);
  errno = code;
  if (code != 0) return ipc::errno_error(what);
  return socket;
}

class PlainChannel : public Channel {
 public:
  explicit PlainChannel(ipc::UniqueFd socket) : socket_(std::move(socket)) {}

  ipc::Result<void> send(std::string_view bytes, const Deadline& deadline) override {
    while (!bytes.empty()) {
      if (!ready(socket_.get(), POLLOUT, deadline)) return out_of_time("send");
      const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN && errno != EINTR) return ipc::errno_error("send");
      if (sent > 0) bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return {};
  }

 protected:
  ipc::Result<std::size_t> read(char* to, std::size_t size, const Deadline& deadline) override {
    for (;;) {
      if (!ready(socket_.get(), POLLIN, deadline)) return out_of_time("receive");
      const ssize_t got = ::recv(socket_.get(), to, size, 0);
      if (got >= 0) return static_cast<std::size_t>(got);
      if (errno != EAGAIN && errno != EINTR) return ipc::errno_error("receive");
    }
  }

 private:
  ipc::UniqueFd socket_;
};

}  // namespace

Deadline::Deadline(milliseconds from_now) : at_(steady_clock::now() + from_now) {}

int Deadline::left() const {
  const auto left = std::chrono::ceil<milliseconds>(at_ - steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 3'600'000));
}

ipc::Result<std::vector<Endpoint>> look_up(const std::string& host, std::uint16_t port,
                                           const Deadline& deadline) {
  auto shared = std::make_shared<LookUp>();
  std::thread(run_look_up, shared, host, std::to_string(port)).detach();
  std::unique_lock lock(shared->mutex);
  if (!shared->done.wait_for(lock, milliseconds(deadline.left()), [&] { return shared->over; })) {
    return out_of_time("look up " + host);
  }
  if (shared->code != 0) {
    return ipc::plain_error("look up " + host + ": " + ::gai_strerror(shared->code));
  }
  return std::move(shared->found);
}

ipc::Result<ipc::UniqueFd> connect_to(const std::vector<Endpoint>& endpoints,
                                      const Deadline& deadline) {
  ipc::Error last = ipc::plain_error("there is no address to connect to");
  auto left = static_cast<int>(endpoints.size());
  for (const Endpoint& endpoint : endpoints) {
    // One that swallows everything leaves the others their time, as for the daemon itself.
    const Deadline share(milliseconds(deadline.left() / left--));
    auto socket = connect_one(endpoint, share);
    if (socket) return socket;
    last = socket.error();
  }
  return last;
}

ipc::Result<std::string> Channel::read_head(const Deadline& deadline) {
  std::string head;
  std::array<char, 4096> buffer{};
  while (head.find("\r\n\r\n") == std::string::npos) {
    if (head.size() > kMostHead) return ipc::plain_error("the answer's head has no end");
    const auto got = read(buffer.data(), buffer.size(), deadline);
    if (!got) return got.error();
    if (*got == 0) return ipc::plain_error("the connection was closed without an answer");
    head.append(buffer.data(), *got);
  }
  return head.substr(0, head.find("\r\n\r\n") + 4);
}

std::unique_ptr<Channel> plain_channel(ipc::UniqueFd socket) {
  return std::make_unique<PlainChannel>(std::move(socket));
}

}  // namespace charter::supervisor
