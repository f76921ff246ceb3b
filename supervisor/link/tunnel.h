// Through an HTTP proxy to the gateway: one CONNECT on a connection that leads to the proxy.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "supervisor/link/dialer.h"
#include "supervisor/link/proxy.h"

namespace charter::supervisor {

class Tunnel : public std::enable_shared_from_this<Tunnel> {
 public:
  using Done = std::function<void(Dialled)>;

  explicit Tunnel(boost::asio::ip::tcp::socket socket);

  // Asks `proxy` for `host`:`port`. Calls `done` once on the executor, unless cancelled.
  void open(const Proxy& proxy, const std::string& host, std::uint16_t port, Done done);
  // `done` will not be called; the socket is closed.
  void cancel();

 private:
  void on_sent(const boost::system::error_code& error);
  void on_answer(const boost::system::error_code& error, std::size_t head_size);
  void fail(const std::string& what);

  static constexpr std::size_t kMostAnswerBytes = 16U << 10;

  boost::asio::ip::tcp::socket socket_;
  std::string shown_;
  std::string request_;
  std::string answer_;
  bool has_credentials_ = false;
  Done done_;
};

}  // namespace charter::supervisor
