// Secrets by their references: env://NAME is a variable of the daemon's environment,
// registry://ALIAS/KEY what a backend of that alias says. Read each time anew, and never written
// anywhere.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ipc/error.h"
#include "worker/json/value.h"
#include "worker/plan/failure.h"
#include "worker/plan/secret_backends.h"

namespace charter::worker {

// Which backend a reference names: "env", "registry", ...; empty when it is none.
[[nodiscard]] std::string secret_scheme(const std::string& reference);

// Whether any of the capabilities, as a hand-off carries them, needs a backend.
[[nodiscard]] bool needs_backends(const Object& capabilities);

// Reads a capability's secrets. What a backend raises that is no complaint about the secret has the
// code of an internal error, everything else that of a missing secret.
class SecretReader {
 public:
  // `definition` is the capability as a hand-off carries it. Both outlive this.
  SecretReader(std::string capability, const Object& definition, SecretBackends& backends)
      : capability_(std::move(capability)), definition_(definition), backends_(backends) {}

  // The value behind one reference. `variable` is for the error's text.
  [[nodiscard]] Outcome<std::string> read(const std::string& variable,
                                          const std::string& reference) const;

 private:
  [[nodiscard]] Failure wrong(const std::string& text) const;
  [[nodiscard]] Outcome<std::string> ask(const std::string& variable, const std::string& reference,
                                         const std::string& location) const;

  std::string capability_;
  const Object& definition_;
  SecretBackends& backends_;
};

// What a capability adds to its process's environment: plain values, then secrets.
struct CapabilityVariables {
  std::vector<std::pair<std::string, std::string>> all;
  std::vector<std::string> secrets;  // the values that must not be shown
};
[[nodiscard]] Outcome<CapabilityVariables> capability_variables(const std::string& capability,
                                                                const Object& definition,
                                                                SecretBackends& backends);

// The same for what goes into its configuration, by JSON Pointer.
[[nodiscard]] Outcome<std::vector<std::pair<std::string, std::string>>> config_secrets(
    const std::string& capability, const Object& definition, SecretBackends& backends);

// Why the secrets of these capabilities cannot be read; nothing when they can.
[[nodiscard]] std::optional<Failure> preflight_secrets(const std::string& workflow,
                                                       const Object& capabilities,
                                                       SecretBackends& backends);

}  // namespace charter::worker
