// The TLS handshake of probe_net.h, and how long what the gateway shows is valid.
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <limits>

#include "supervisor/doctor/probe_net.h"
#include "supervisor/link/tls_context.h"

namespace charter::supervisor {
namespace {

using boost::system::error_code;

struct FreeSsl {
  void operator()(SSL* ssl) const { ::SSL_free(ssl); }
};
using SslPointer = std::unique_ptr<SSL, FreeSsl>;

// Waits for what OpenSSL wants after `result`; false when it wants nothing or time is up.
bool wait_for(SSL* ssl, int socket, int result, const Deadline& deadline) {
  const int wanted = ::SSL_get_error(ssl, result);
  if (wanted != SSL_ERROR_WANT_READ && wanted != SSL_ERROR_WANT_WRITE) return false;
  pollfd one{.fd = socket,
             .events = static_cast<short>(wanted == SSL_ERROR_WANT_READ ? POLLIN : POLLOUT),
             .revents = 0};
  return ::poll(&one, 1, deadline.left()) > 0;
}

class TlsChannel : public Channel {
 public:
  TlsChannel(boost::asio::ssl::context context, ipc::UniqueFd socket)
      : context_(std::move(context)),
        socket_(std::move(socket)),
        ssl_(::SSL_new(context_.native_handle())) {
    ::SSL_set_fd(ssl_.get(), socket_.get());
  }

  [[nodiscard]] SSL* ssl() const { return ssl_.get(); }
  [[nodiscard]] ipc::Result<void> connect(const Deadline& deadline) {
    for (;;) {
      ::ERR_clear_error();
      const int result = ::SSL_connect(ssl_.get());
      if (result == 1) return {};
      if (wait_for(ssl_.get(), socket_.get(), result, deadline)) continue;
      if (deadline.left() == 0) return ipc::plain_error("TLS handshake: no answer in time");
      const unsigned long reason = ::ERR_get_error();
      const error_code code =
          reason != 0 ? error_code(static_cast<int>(reason), boost::asio::error::get_ssl_category())
                      : error_code(boost::asio::ssl::error::stream_truncated);
      return ipc::plain_error(handshake_failure(ssl_.get(), code));
    }
  }

  ipc::Result<void> send(std::string_view bytes, const Deadline& deadline) override {
    for (;;) {
      const int result = ::SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size()));
      if (result > 0) return {};
      if (!wait_for(ssl_.get(), socket_.get(), result, deadline)) {
        return ipc::plain_error("send: the encrypted connection takes nothing");
      }
    }
  }

 protected:
  ipc::Result<std::size_t> read(char* to, std::size_t size, const Deadline& deadline) override {
    for (;;) {
      const int result = ::SSL_read(ssl_.get(), to, static_cast<int>(size));
      if (result > 0) return static_cast<std::size_t>(result);
      if (::SSL_get_error(ssl_.get(), result) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      if (!wait_for(ssl_.get(), socket_.get(), result, deadline)) {
        return ipc::plain_error("receive: no answer in time, or the connection was cut");
      }
    }
  }

 private:
  boost::asio::ssl::context context_;
  ipc::UniqueFd socket_;
  SslPointer ssl_;
};

std::string subject_of(X509* certificate) {
  std::array<char, 256> name{};
  ::X509_NAME_oneline(::X509_get_subject_name(certificate), name.data(), name.size());
  return name.data();
}

// The whole days until the first certificate of the verified chain expires.
void look_at_chain(SSL* ssl, Certificates& shown) {
  shown.days_left = std::numeric_limits<std::int64_t>::max();
  STACK_OF(X509)* chain = ::SSL_get0_verified_chain(ssl);
  for (int i = 0; chain != nullptr && i < sk_X509_num(chain); ++i) {
    X509* const one = sk_X509_value(chain, i);
    int days = 0;
    int seconds = 0;
    if (::ASN1_TIME_diff(&days, &seconds, nullptr, ::X509_get0_notAfter(one)) != 1) continue;
    if (days >= shown.days_left) continue;
    shown.days_left = days;
    shown.expires_first = subject_of(one);
  }
}

}  // namespace

ipc::Result<Certificates> shake_hands(ipc::UniqueFd socket, const std::string& host,
                                      const TlsSettings& settings, const Deadline& deadline) {
  auto context = make_tls_context(settings);
  if (!context) return context.error();
  auto channel = std::make_unique<TlsChannel>(std::move(*context), std::move(socket));
  if (!expect_host(channel->ssl(), host)) return ipc::plain_error("the gateway's name is no name");
  if (auto done = channel->connect(deadline); !done) return done.error();
  Certificates shown;
  shown.protocol = ::SSL_get_version(channel->ssl());
  look_at_chain(channel->ssl(), shown);
  shown.channel = std::move(channel);
  return shown;
}

}  // namespace charter::supervisor
