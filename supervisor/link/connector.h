// The whole way to the gateway: name, TCP, a proxy if there is one, TLS if the address says so.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "supervisor/link/dialer.h"
#include "supervisor/link/gateway_address.h"
#include "supervisor/link/proxy.h"
#include "supervisor/link/resolver.h"
#include "supervisor/link/tls.h"
#include "supervisor/link/tunnel.h"

namespace charter::supervisor {

class Connector {
 public:
  // The connection, or null and why there is none.
  using Done = std::function<void(std::unique_ptr<Transport>, std::string)>;

  struct Order {
    GatewayAddress gateway;
    std::optional<Proxy> proxy;
    std::chrono::steady_clock::time_point deadline;  // for name and TCP; the caller bounds the rest
    // See DialOrder; not asked about a proxy's addresses.
    std::function<std::optional<std::string>(const boost::asio::ip::address&)> objection;
  };

  Connector(boost::asio::any_io_executor executor, TlsSettings tls);
  // From the next connection on.
  void use(const TlsSettings& tls) { tls_.use(tls); }
  ~Connector();
  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

  // One at a time. Calls `done` once on the executor, never from inside connect(), unless
  // cancelled.
  void connect(Order order, Done done);
  void cancel();
  // What it is waiting for, for people: "a TLS handshake".
  [[nodiscard]] std::string waiting_for() const;

 private:
  void dialled(Dialled outcome);
  void tunnelled(Dialled outcome);
  void reached(boost::asio::ip::tcp::socket socket);
  void finish(std::unique_ptr<Transport> transport, std::string error);

  boost::asio::any_io_executor executor_;
  Resolver resolver_;
  TlsClient tls_;
  Order order_;
  Done done_;
  std::shared_ptr<Dialer> dialer_;
  std::shared_ptr<Tunnel> tunnel_;
  std::shared_ptr<TlsClient::Handshake> handshake_;
};

}  // namespace charter::supervisor
