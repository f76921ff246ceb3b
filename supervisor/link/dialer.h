// From a host and a port to a connected TCP socket.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "supervisor/link/resolver.h"

namespace charter::supervisor {

struct DialOrder {
  std::string host;
  std::uint16_t port = 0;
  std::chrono::steady_clock::time_point deadline;
  // Why an address must not be used, or nothing; asked for each address the name has.
  std::function<std::optional<std::string>(const boost::asio::ip::address&)> objection;
};

struct Dialled {
  std::optional<boost::asio::ip::tcp::socket> socket;
  std::string error;  // for people, when there is no socket
};

// Tries the host's addresses in turn; each but the last gets its share of the time left. Calls
// `done` once on the executor, unless cancel() or the destructor comes first.
class Dialer : public std::enable_shared_from_this<Dialer> {
 public:
  using Done = std::function<void(Dialled)>;

  // `resolver` must outlive the dialling.
  Dialer(const boost::asio::any_io_executor& executor, Resolver& resolver);

  void dial(DialOrder order, Done done);
  void cancel();

 private:
  void resolved(const Resolved& answer);
  void try_next();
  void connected(const boost::system::error_code& error);
  void finish(Dialled outcome);
  void arm(std::chrono::steady_clock::time_point when, std::function<void()> expired);
  void disarm();

  Resolver& resolver_;
  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer timer_;
  DialOrder order_;
  Done done_;
  std::vector<boost::asio::ip::tcp::endpoint> left_;  // in reverse: the next is the last
  boost::asio::ip::tcp::endpoint current_;
  std::uint64_t turn_ = 0;
  bool timed_out_ = false;
  std::string last_error_;
};

}  // namespace charter::supervisor
