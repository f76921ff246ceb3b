#include "supervisor/link/connector.h"

#include <utility>

namespace charter::supervisor {

// Each stage is cancelled before this object goes, so the handlers may hold it bare.

Connector::Connector(boost::asio::any_io_executor executor, TlsSettings tls)
    : executor_(std::move(executor)), resolver_(executor_), tls_(std::move(tls)) {}

Connector::~Connector() { cancel(); }

void Connector::connect(Order order, Done done) {
  cancel();
  order_ = std::move(order);
  done_ = std::move(done);
  DialOrder first_hop;
  first_hop.host = order_.proxy ? order_.proxy->host : order_.gateway.host;
  first_hop.port = order_.proxy ? order_.proxy->port : order_.gateway.port;
  first_hop.deadline = order_.deadline;
  if (!order_.proxy) first_hop.objection = order_.objection;
  dialer_ = std::make_shared<Dialer>(executor_, resolver_);
  dialer_->dial(std::move(first_hop), [this](Dialled outcome) { dialled(std::move(outcome)); });
}

void Connector::cancel() {
  done_ = nullptr;
  if (dialer_) dialer_->cancel();
  if (tunnel_) tunnel_->cancel();
  if (handshake_) handshake_->cancel();
  dialer_.reset();
  tunnel_.reset();
  handshake_.reset();
}

std::string Connector::waiting_for() const {
  if (handshake_) return "the gateway to finish the TLS handshake";
  if (tunnel_) return "proxy " + order_.proxy->shown + " to answer";
  return "a TCP connection";
}

void Connector::dialled(Dialled outcome) {
  if (!outcome.socket) {
    finish(nullptr, order_.proxy ? "proxy " + order_.proxy->shown + ": " + outcome.error
                                 : std::move(outcome.error));
  } else if (order_.proxy) {
    tunnel_ = std::make_shared<Tunnel>(std::move(*outcome.socket));
    tunnel_->open(*order_.proxy, order_.gateway.host, order_.gateway.port,
                  [this](Dialled through) { tunnelled(std::move(through)); });
  } else {
    reached(std::move(*outcome.socket));
  }
}

void Connector::tunnelled(Dialled outcome) {
  if (outcome.socket) {
    reached(std::move(*outcome.socket));
  } else {
    finish(nullptr, std::move(outcome.error));
  }
}

void Connector::reached(boost::asio::ip::tcp::socket socket) {
  if (!order_.gateway.tls) {
    finish(plain_transport(std::move(socket)), {});
    return;
  }
  handshake_ = tls_.secure(std::move(socket), order_.gateway.host,
                           [this](std::unique_ptr<Transport> transport, std::string error) {
                             finish(std::move(transport), std::move(error));
                           });
}

void Connector::finish(std::unique_ptr<Transport> transport, std::string error) {
  const Done done = std::exchange(done_, nullptr);
  cancel();  // releases the stages; a socket handed over is no longer theirs
  if (done) done(std::move(transport), std::move(error));
}

}  // namespace charter::supervisor
