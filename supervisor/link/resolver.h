// Asks the system's name service without stopping the loop, and without making an end wait for it.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace charter::supervisor {

struct Resolved {
  std::vector<boost::asio::ip::tcp::endpoint> endpoints;  // families take turns
  std::string error;                                      // for people, when there are none
};

// A lookup runs in a thread of its own, because getaddrinfo may block for half a minute and cannot
// be interrupted: whoever loses patience forgets it, and the thread ends by itself. At most one
// thread a name is under way; a later question about that name takes the answer of the earlier one.
class Resolver {
 public:
  using Handler = std::function<void(Resolved)>;

  explicit Resolver(boost::asio::any_io_executor executor);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // `handler` is called on the executor, never from inside resolve(). One question at a time: a
  // new one forgets the old. A literal address needs no lookup.
  void resolve(const std::string& host, std::uint16_t port, Handler handler);
  // The handler will not be called.
  void forget();

 private:
  struct Lookup;

  bool join_running(const std::string& host, std::uint16_t port, Handler& handler);
  // What went wrong, or nothing.
  [[nodiscard]] static std::string start_thread(const std::shared_ptr<Lookup>& lookup);

  boost::asio::any_io_executor executor_;
  std::shared_ptr<Lookup> lookup_;
};

}  // namespace charter::supervisor
