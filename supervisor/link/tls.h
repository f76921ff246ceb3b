// Encrypted connections to the gateway: TLS 1.2 or newer, the gateway's name or address verified.
// Asio's and OpenSSL's headers stay behind this one.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "supervisor/link/tls_settings.h"
#include "supervisor/link/transport.h"

namespace charter::supervisor {

// Makes the context at the first connection and anew when one of its files has changed: it costs
// time and memory that a daemon without TLS, or one that is just starting, need not spend.
class TlsClient {
 public:
  // The transport, or null and what went wrong.
  using Done = std::function<void(std::unique_ptr<Transport>, std::string)>;

  explicit TlsClient(TlsSettings settings);
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  class Handshake {
   public:
    virtual ~Handshake() = default;
    // `done` will not be called; the socket is closed.
    virtual void cancel() = 0;
  };

  // From the next handshake on.
  void use(const TlsSettings& settings);

  // Shakes hands on a connected socket; `host` is what the certificate must be made out to. Calls
  // `done` once on the socket's executor, never from inside this call, unless cancelled.
  [[nodiscard]] std::shared_ptr<Handshake> secure(boost::asio::ip::tcp::socket socket,
                                                  const std::string& host, Done done);

 private:
  class Context;

  TlsSettings settings_;
  std::shared_ptr<Context> context_;
};

}  // namespace charter::supervisor
