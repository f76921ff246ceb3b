// OpenSSL's settings for connections to the gateway; for this room's TLS sources only.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <string>
#include <vector>

#include "ipc/error.h"
#include "supervisor/link/tls.h"

namespace charter::supervisor {

// Made from the files as they are now.
[[nodiscard]] ipc::Result<boost::asio::ssl::context> make_tls_context(const TlsSettings& settings);

// Tells one state of a file from another; equal means unchanged.
struct FileStamp {
  std::uint64_t inode = 0;
  std::int64_t modified_ns = 0;
  std::int64_t size = -1;  // -1: there is none

  bool operator==(const FileStamp&) const = default;
};
[[nodiscard]] std::vector<FileStamp> stamps_of(const TlsSettings& settings);

// Says whom `ssl` must talk to: SNI for a name, and verification of the name or the address.
[[nodiscard]] bool expect_host(SSL* ssl, const std::string& host);

// Why a handshake failed, for people.
[[nodiscard]] std::string handshake_failure(SSL* ssl, const boost::system::error_code& error);

}  // namespace charter::supervisor
