// Secrets by their references: env://NAME is a variable of the daemon's environment. Read each time
// anew, and never written anywhere.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ipc/error.h"
#include "worker/json/value.h"
#include "worker/plan/failure.h"

namespace charter::worker {

// Which backend a reference names: "env", "registry", ...; empty when it is none.
[[nodiscard]] std::string secret_scheme(const std::string& reference);

// The value behind one reference. `capability` and `variable` are for the error's text.
[[nodiscard]] ipc::Result<std::string> resolve_secret(const std::string& capability,
                                                      const std::string& variable,
                                                      const std::string& reference);

// What a capability adds to its process's environment: plain values, then secrets.
struct CapabilityVariables {
  std::vector<std::pair<std::string, std::string>> all;
  std::vector<std::string> secrets;  // the values that must not be shown
};
[[nodiscard]] ipc::Result<CapabilityVariables> capability_variables(const std::string& capability,
                                                                    const Object& definition);

// The same for what goes into its configuration, by JSON Pointer.
[[nodiscard]] ipc::Result<std::vector<std::pair<std::string, std::string>>> config_secrets(
    const std::string& capability, const Object& definition);

// Why the secrets of these capabilities cannot be read; nothing when they can.
[[nodiscard]] std::optional<Failure> preflight_secrets(const std::string& workflow,
                                                       const Object& capabilities);

}  // namespace charter::worker
