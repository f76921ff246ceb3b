// Whom to trust and what to show on encrypted connections to the gateway.
#pragma once

#include <string>

namespace charter::supervisor {

struct TlsSettings {
  std::string ca_file;             // PEM; trusted instead of the system's store, if not empty
  std::string client_certificate;  // PEM, with its chain; or empty
  std::string client_key;          // PEM; empty: in the certificate's file
};

// Why the files cannot be used, for people; empty when they can. Reads them; for start-up.
[[nodiscard]] std::string tls_problem(const TlsSettings& settings);

}  // namespace charter::supervisor
