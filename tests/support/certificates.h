// Real certificates, made by the openssl program while a test runs.
#pragma once

#include <string>
#include <string_view>

#include "tests/support/files.h"

namespace charter::tests {

struct KeyPair {
  std::string certificate;  // paths of PEM files
  std::string key;
};

// A certificate authority in a directory of its own.
class TestAuthority {
 public:
  TestAuthority();

  [[nodiscard]] const std::string& certificate() const { return own_.certificate; }
  // A certificate with these alternative names ("DNS:localhost,IP:127.0.0.1") that is valid from
  // now for `days`; negative: it has expired.
  [[nodiscard]] KeyPair issue(std::string_view name, std::string_view alternatives, int days = 1);
  // Signed by nobody else.
  [[nodiscard]] KeyPair self_signed(std::string_view name, std::string_view alternatives);
  [[nodiscard]] std::string path(std::string_view name) const { return directory_ / name; }

 private:
  TempDir directory_{"charter-ca"};
  KeyPair own_;
};

}  // namespace charter::tests
