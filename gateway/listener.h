// Accepts connections, as many as there may be at once.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <string>

#include "gateway/connection_count.h"
#include "gateway/services.h"

namespace charter::gateway {

// Below the usual limit of 1024 descriptors.
inline constexpr std::size_t kMaxConnections = 960;

class Listener {
 public:
  // Binds and listens. `services` outlives it. Throws std::runtime_error, which names the address
  // and says why it cannot be had.
  Listener(boost::asio::io_context& loop, const boost::asio::ip::tcp::endpoint& address,
           const Services& services);

  // The address it listens on, "HOST:PORT", with the port the system chose where none was given.
  [[nodiscard]] std::string address() const;
  void start();
  void stop();

 private:
  void accept();

  boost::asio::ip::tcp::acceptor acceptor_;
  boost::asio::steady_timer pause_;
  ConnectionCount count_{kMaxConnections};
  const Services& services_;
};

}  // namespace charter::gateway
