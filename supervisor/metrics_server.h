// Answers monitoring systems over HTTP, on the event loop, so that an answer proves that the loop
// comes round: /healthz (that alone), /readyz (whether new runs are taken) and /metrics. One
// request a connection, deadlines on all that is awaited, and few connections at once.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "ipc/error.h"
#include "supervisor/clock.h"
#include "supervisor/metrics_place.h"
#include "supervisor/socket_place.h"

namespace charter::supervisor {

class MetricsServer {
 public:
  struct Hooks {
    std::function<std::string()> metrics;    // the text of /metrics
    std::function<std::string()> not_ready;  // why no new runs are taken; empty when they are
  };

  // Binds and listens; a Unix socket as SocketPlace does, with mode 0600. An error names the place.
  static ipc::Result<std::unique_ptr<MetricsServer>> listen(boost::asio::any_io_executor executor,
                                                            const MetricsPlace& place);

  // Begins to answer. `hooks` are called on the loop, until stop().
  void start(Hooks hooks);
  // Takes no more connections, ends those that stand, and removes a Unix socket.
  void stop();
  // For people: with the port that was taken where any would do.
  [[nodiscard]] std::string where() const;

  ~MetricsServer();

 private:
  class Session;
  struct Shared;  // with the sessions

  explicit MetricsServer(boost::asio::any_io_executor executor);
  void accept();
  template <class Acceptor>
  void accept_from(Acceptor& acceptor);
  void accepted(boost::asio::generic::stream_protocol::socket socket);

  boost::asio::any_io_executor executor_;
  std::optional<boost::asio::ip::tcp::acceptor> tcp_;
  std::optional<boost::asio::local::stream_protocol::acceptor> unix_;
  std::optional<SocketPlace> unix_place_;
  std::string unix_path_;
  Timer pause_;
  std::shared_ptr<Shared> shared_;
};

}  // namespace charter::supervisor
