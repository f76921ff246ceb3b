#include "supervisor/link/resolver.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/execution/outstanding_work.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/prefer.hpp>
#include <cstring>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "ipc/held_signals.h"

namespace charter::supervisor {
namespace {

using boost::asio::any_io_executor;
using boost::asio::ip::tcp;

// A broken family must not use up the whole patience for a host that has two.
std::vector<tcp::endpoint> taking_turns(const std::vector<tcp::endpoint>& all) {
  std::vector<tcp::endpoint> same;
  std::vector<tcp::endpoint> other;
  for (const tcp::endpoint& endpoint : all) {
    (endpoint.protocol() == all.front().protocol() ? same : other).push_back(endpoint);
  }
  std::vector<tcp::endpoint> mixed;
  for (std::size_t i = 0; i < std::max(same.size(), other.size()); ++i) {
    if (i < same.size()) mixed.push_back(same[i]);
    if (i < other.size()) mixed.push_back(other[i]);
  }
  return mixed;
}

any_io_executor counting_as_work(const any_io_executor& executor) {
  return boost::asio::prefer(executor, boost::asio::execution::outstanding_work.tracked);
}

Resolved ask_system(const std::string& host, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  const int code = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list);
  if (code != 0) return {{}, host + ": " + ::gai_strerror(code)};
  std::vector<tcp::endpoint> all;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    if (entry->ai_family != AF_INET && entry->ai_family != AF_INET6) continue;
    tcp::endpoint endpoint;
    endpoint.resize(entry->ai_addrlen);
    std::memcpy(endpoint.data(), entry->ai_addr, entry->ai_addrlen);
    all.push_back(endpoint);
  }
  ::freeaddrinfo(list);
  if (all.empty()) return {{}, host + ": no address"};
  return {taking_turns(all), {}};
}

}  // namespace

struct Resolver::Lookup {
  std::string host;
  std::uint16_t port = 0;

  std::mutex mutex;
  // Set while somebody waits; counts as work of the loop, which otherwise might end meanwhile.
  std::optional<any_io_executor> waiting;
  bool finished = false;

  Handler handler;  // the loop's only

  // What the thread runs. Posting happens under the lock: after forget() the loop may be gone.
  static void run(const std::shared_ptr<Lookup>& self) {
    Resolved resolved = ask_system(self->host, self->port);
    const std::lock_guard lock(self->mutex);
    self->finished = true;
    if (!self->waiting) return;
    boost::asio::post(*self->waiting, [self, resolved = std::move(resolved)]() mutable {
      self->deliver(std::move(resolved));
    });
    self->waiting.reset();
  }

  void deliver(Resolved resolved) {
    if (const Handler call = std::exchange(handler, nullptr)) call(std::move(resolved));
  }
};

Resolver::Resolver(any_io_executor executor) : executor_(std::move(executor)) {}

Resolver::~Resolver() { forget(); }

void Resolver::forget() {
  if (!lookup_) return;
  lookup_->handler = nullptr;
  const std::lock_guard lock(lookup_->mutex);
  lookup_->waiting.reset();
}

void Resolver::resolve(const std::string& host, std::uint16_t port, Handler handler) {
  forget();
  boost::system::error_code error;
  const auto literal = boost::asio::ip::make_address(host, error);
  if (!error) {
    lookup_ = std::make_shared<Lookup>();
    lookup_->handler = std::move(handler);
    boost::asio::post(executor_, [lookup = lookup_, endpoint = tcp::endpoint(literal, port)] {
      lookup->deliver({{endpoint}, {}});
    });
    return;
  }
  if (join_running(host, port, handler)) return;
  lookup_ = std::make_shared<Lookup>();
  lookup_->host = host;
  lookup_->port = port;
  lookup_->handler = std::move(handler);
  lookup_->waiting = counting_as_work(executor_);
  if (const std::string failure = start_thread(lookup_); !failure.empty()) {
    lookup_->waiting.reset();
    boost::asio::post(executor_, [lookup = lookup_, failure] { lookup->deliver({{}, failure}); });
  }
}

bool Resolver::join_running(const std::string& host, std::uint16_t port, Handler& handler) {
  if (!lookup_ || lookup_->host != host || lookup_->port != port) return false;
  const std::lock_guard lock(lookup_->mutex);
  if (lookup_->finished) return false;
  lookup_->handler = std::move(handler);
  lookup_->waiting = counting_as_work(executor_);
  return true;
}

std::string Resolver::start_thread(const std::shared_ptr<Lookup>& lookup) {
  const ipc::HeldSignals none;
  try {
    std::thread([lookup] { Lookup::run(lookup); }).detach();
  } catch (const std::system_error& error) {
    lookup->finished = true;
    return "no thread to look up " + lookup->host + ": " + error.code().message();
  }
  return {};
}

}  // namespace charter::supervisor
