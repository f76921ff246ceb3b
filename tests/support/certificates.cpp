#include "tests/support/certificates.h"

#include <cstdlib>
#include <stdexcept>

namespace charter::tests {
namespace {

constexpr std::string_view kNewKey = " -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc";

void openssl(const std::string& arguments, const std::string& log) {
  const std::string command = "openssl " + arguments + " >>" + log + " 2>&1 </dev/null";
  if (std::system(command.c_str()) != 0) {
    throw std::runtime_error(command + "\n" + read_file(log));
  }
}

std::string subject(std::string_view name) { return " -subj /CN=" + std::string(name); }

std::string alternative_names(std::string_view names) {
  return names.empty() ? "" : " -addext subjectAltName=" + std::string(names);
}

}  // namespace

TestAuthority::TestAuthority() : own_{directory_ / "ca.pem", directory_ / "ca.key"} {
  openssl("req -x509 -days 2" + std::string(kNewKey) + subject("test-authority") + " -keyout " +
              own_.key + " -out " + own_.certificate,
          path("log"));
}

KeyPair TestAuthority::issue(std::string_view name, std::string_view alternatives, int days) {
  const KeyPair made{path(name) + ".pem", path(name) + ".key"};
  const std::string request = path(name) + ".csr";
  openssl("req" + std::string(kNewKey) + subject(name) + alternative_names(alternatives) +
              " -keyout " + made.key + " -out " + request,
          path("log"));
  openssl("x509 -req -in " + request + " -CA " + own_.certificate + " -CAkey " + own_.key +
              " -CAcreateserial -copy_extensions copy -days " + std::to_string(days) + " -out " +
              made.certificate,
          path("log"));
  return made;
}

KeyPair TestAuthority::self_signed(std::string_view name, std::string_view alternatives) {
  const KeyPair made{path(name) + ".pem", path(name) + ".key"};
  openssl("req -x509 -days 1" + std::string(kNewKey) + subject(name) +
              alternative_names(alternatives) + " -keyout " + made.key + " -out " +
              made.certificate,
          path("log"));
  return made;
}

}  // namespace charter::tests
