#include "tests/support/ws_tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <memory>
#include <mutex>
#include <stdexcept>

namespace charter::tests {
namespace {

std::mutex name_mutex;
std::string server_name;

class TlsStream final : public WsStream {
 public:
  TlsStream(std::shared_ptr<SSL_CTX> context, int socket)
      : context_(std::move(context)), ssl_(SSL_new(context_.get())), socket_(socket) {
    SSL_set_fd(ssl_, socket_);
    SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  }
  ~TlsStream() override {
    SSL_free(ssl_);
    ::close(socket_);
  }
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  int descriptor() const override { return socket_; }

  bool prepare() override {
    for (;;) {
      ERR_clear_error();
      const int result = SSL_accept(ssl_);
      if (result == 1) break;
      const int error = SSL_get_error(ssl_, result);
      if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return false;
      pollfd wait{socket_, static_cast<short>(error == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT), 0};
      ::poll(&wait, 1, -1);
    }
    const char* name = SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name);
    const std::lock_guard lock(name_mutex);
    server_name = name == nullptr ? "" : name;
    return true;
  }

  Outcome read(std::string& into) override {
    std::array<char, 16384> block;
    ERR_clear_error();
    const int count = SSL_read(ssl_, block.data(), static_cast<int>(block.size()));
    if (count > 0) into.append(block.data(), static_cast<std::size_t>(count));
    return outcome(count);
  }

  Outcome write(std::string& bytes) override {
    ERR_clear_error();
    const int count = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    if (count > 0) bytes.erase(0, static_cast<std::size_t>(count));
    return outcome(count);
  }

 private:
  Outcome outcome(int count) const {
    if (count > 0) return Outcome::moved;
    switch (SSL_get_error(ssl_, count)) {
      case SSL_ERROR_WANT_READ:
      case SSL_ERROR_WANT_WRITE:
        return Outcome::try_later;
      case SSL_ERROR_ZERO_RETURN:
        return Outcome::ended;
      default:
        return Outcome::broken;
    }
  }

  std::shared_ptr<SSL_CTX> context_;
  SSL* ssl_;
  int socket_;
};

void require(bool held, const std::string& what) {
  if (!held) throw std::runtime_error("TLS server: " + what);
}

}  // namespace

WsStreamMaker tls_streams(const TlsRules& rules) {
  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes to its socket without MSG_NOSIGNAL
  const std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX* const native = context.get();
  require(SSL_CTX_use_certificate_chain_file(native, rules.identity.certificate.c_str()) == 1,
          rules.identity.certificate);
  require(SSL_CTX_use_PrivateKey_file(native, rules.identity.key.c_str(), SSL_FILETYPE_PEM) == 1,
          rules.identity.key);
  if (!rules.client_authority.empty()) {
    require(SSL_CTX_load_verify_file(native, rules.client_authority.c_str()) == 1,
            rules.client_authority);
    SSL_CTX_set_verify(native, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  if (rules.newest_version != 0) {
    // Old versions need the hashes that today's default level forbids.
    SSL_CTX_set_security_level(native, 0);
    SSL_CTX_set_min_proto_version(native, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(native, rules.newest_version);
  }
  return [context](int socket) { return std::make_unique<TlsStream>(context, socket); };
}

std::string last_server_name() {
  const std::lock_guard lock(name_mutex);
  return server_name;
}

}  // namespace charter::tests
