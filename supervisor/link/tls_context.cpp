#include "supervisor/link/tls_context.h"

#include <dirent.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstdlib>
#include <utility>

namespace charter::supervisor {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

// "xxxxxxxx.0": a directory with such entries is searched by need, one certificate at a time.
bool is_hashed_name(std::string_view name) { return name.size() == 10 && name.ends_with(".0"); }

bool has_hashed_certificates(const char* directory) {
  DIR* const opened = ::opendir(directory);
  if (opened == nullptr) return false;
  bool found = false;
  while (const dirent* entry = ::readdir(opened)) {
    if ((found = is_hashed_name(entry->d_name))) break;
  }
  ::closedir(opened);
  return found;
}

// The whole store as one file takes 17 ms to read and 4 MB to hold, so a hashed directory goes
// first, unless the environment names a file.
bool trust_system_store(SSL_CTX* context) {
  const char* named = std::getenv(X509_get_default_cert_dir_env());
  const char* directory = named != nullptr ? named : X509_get_default_cert_dir();
  if (std::getenv(X509_get_default_cert_file_env()) == nullptr &&
      has_hashed_certificates(directory)) {
    return ::SSL_CTX_set_default_verify_dir(context) == 1;
  }
  return ::SSL_CTX_set_default_verify_paths(context) == 1;
}

ipc::Error file_error(const std::string& what, const std::string& path, const error_code& code) {
  return ipc::plain_error(what + " " + path + ": " + code.message());
}

ipc::Result<void> show_certificate(ssl::context& context, const TlsSettings& settings) {
  if (settings.client_certificate.empty()) return {};
  error_code code;
  context.use_certificate_chain_file(settings.client_certificate, code);
  if (code) return file_error("client certificate", settings.client_certificate, code);
  const std::string& key =
      settings.client_key.empty() ? settings.client_certificate : settings.client_key;
  // A key under a password would ask for it at a terminal nobody sits at.
  context.set_password_callback(
      [](std::size_t, ssl::context::password_purpose) { return std::string(); }, code);
  context.use_private_key_file(key, ssl::context::pem, code);
  if (code) return file_error("client key", key, code);
  if (::SSL_CTX_check_private_key(context.native_handle()) != 1) {
    return ipc::plain_error("client key " + key + " does not belong to the certificate " +
                            settings.client_certificate);
  }
  return {};
}

FileStamp stamp_of(const std::string& path) {
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) return {};
  return {status.st_ino,
          std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec,
          status.st_size};
}

bool is_address(const std::string& host) {
  error_code error;
  (void)boost::asio::ip::make_address(host, error);
  return !error;
}

}  // namespace

ipc::Result<ssl::context> make_tls_context(const TlsSettings& settings) {
  ssl::context context(ssl::context::tls_client);
  SSL_CTX* const native = context.native_handle();
  ::SSL_CTX_set_min_proto_version(native, TLS1_2_VERSION);
  ::SSL_CTX_set_options(native, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  ::SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  constexpr std::array<unsigned char, 9> kHttp11 = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  ::SSL_CTX_set_alpn_protos(native, kHttp11.data(), kHttp11.size());
  ::SSL_CTX_set_verify(native, SSL_VERIFY_PEER, nullptr);
  error_code code;
  if (settings.ca_file.empty()) {
    if (!trust_system_store(native)) {
      return ipc::plain_error(
          "the system's certificate store cannot be read; name one with "
          "--ca-file");
    }
  } else {
    context.load_verify_file(settings.ca_file, code);
    if (code) return file_error("CA file", settings.ca_file, code);
  }
  if (auto shown = show_certificate(context, settings); !shown) return shown.error();
  return context;
}

std::vector<FileStamp> stamps_of(const TlsSettings& settings) {
  return {stamp_of(settings.ca_file), stamp_of(settings.client_certificate),
          stamp_of(settings.client_key)};
}

bool expect_host(SSL* ssl, const std::string& host) {
  X509_VERIFY_PARAM* const expected = ::SSL_get0_param(ssl);
  // Only what the certificate lists as alternative names counts, not its subject's common name.
  ::X509_VERIFY_PARAM_set_hostflags(
      expected, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  if (is_address(host)) return ::X509_VERIFY_PARAM_set1_ip_asc(expected, host.c_str()) == 1;
  std::string name = host;
  if (name.ends_with('.')) name.pop_back();  // a name with its root is the same name
  return ::X509_VERIFY_PARAM_set1_host(expected, name.c_str(), name.size()) == 1 &&
         SSL_set_tlsext_host_name(ssl, name.c_str()) == 1;
}

std::string handshake_failure(SSL* ssl, const error_code& error) {
  const long verdict = ::SSL_get_verify_result(ssl);
  if (verdict == X509_V_OK) return "TLS handshake: " + error.message();
  std::string text = "the gateway's certificate is not accepted: ";
  text += ::X509_verify_cert_error_string(verdict);
  const bool unknown_issuer = verdict == X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT ||
                              verdict == X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN ||
                              verdict == X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY;
  return unknown_issuer ? text + " (--ca-file names whom to trust)" : text;
}

}  // namespace charter::supervisor
