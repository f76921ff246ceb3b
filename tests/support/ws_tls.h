// TLS below a test server's connections.
#pragma once

#include <string>

#include "tests/support/certificates.h"
#include "tests/support/ws_stream.h"

namespace charter::tests {

struct TlsRules {
  KeyPair identity;
  std::string client_authority{};  // demand a client certificate signed by this one; or empty
  int newest_version = 0;          // TLS1_1_VERSION and so on; 0: whatever there is
};

[[nodiscard]] WsStreamMaker tls_streams(const TlsRules& rules);

// What the client said in its first message on the newest connection: the name it expects (SNI).
[[nodiscard]] std::string last_server_name();

}  // namespace charter::tests
