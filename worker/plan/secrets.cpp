#include "worker/plan/secrets.h"

#include <algorithm>
#include <cstdlib>

#include "worker/json/python.h"

namespace charter::worker {
namespace {

constexpr std::string_view kSeparator = "://";

// Members whose values are references, by name.
std::vector<std::pair<std::string, std::string>> references(const Object& definition,
                                                            std::string_view field) {
  std::vector<std::pair<std::string, std::string>> found;
  const Value& refs = get(definition, field);
  if (!refs.is_object()) return found;
  for (const auto& [name, reference] : refs.as_object()) found.emplace_back(name, str(reference));
  return found;
}

std::string of_capability(const std::string& capability) {
  return "Capability '" + capability + "': ";
}

std::string without_prefix(std::string text, const std::string& prefix) {
  return text.starts_with(prefix) ? text.substr(prefix.size()) : text;
}

// As a list of faults shows it.
std::string shortened(const std::string& capability, const std::string& variable,
                      const std::string& reference, const std::string& error) {
  const std::string whole = of_capability(capability);
  std::string text = without_prefix(
      error, whole + "env var '" + variable + "' uses secret ref '" + reference + "', but ");
  text = without_prefix(std::move(text), whole);
  constexpr std::string_view kLong = "environment variable ";
  if (text.starts_with(kLong)) text = "env var " + text.substr(kLong.size());
  if (text.ends_with('.')) text.pop_back();
  return text;
}

std::string faults_of(const std::string& capability, const Object& definition) {
  std::string faults;
  for (const char* field : {"config_secret_refs", "env_secret_refs"}) {
    auto refs = references(definition, field);
    std::sort(refs.begin(), refs.end());
    for (const auto& [name, reference] : refs) {
      const auto value = resolve_secret(capability, name, reference);
      if (value) continue;
      faults += "\n    " + name + ": " + shortened(capability, name, reference, value.error().what);
    }
  }
  if (!faults.empty()) return faults;
  const Value& in_config = get(definition, "config_secret_refs");
  if (in_config.is_object() && in_config.as_object().find("") != nullptr) {
    return "\n    config: config secret ref path must not target the config root";
  }
  const auto variables = capability_variables(capability, definition);
  if (variables) return {};
  std::string text = without_prefix(variables.error().what, of_capability(capability));
  if (text.ends_with('.')) text.pop_back();
  return "\n    config: " + text;
}

}  // namespace

std::string secret_scheme(const std::string& reference) {
  const std::size_t at = reference.find(kSeparator);
  if (at == std::string::npos || at + kSeparator.size() == reference.size()) return {};
  return reference.substr(0, at);
}

ipc::Result<std::string> resolve_secret(const std::string& capability, const std::string& variable,
                                        const std::string& reference) {
  const std::string where = of_capability(capability) + "env var '" + variable + "' uses ";
  const std::string scheme = secret_scheme(reference);
  if (scheme.empty()) return ipc::plain_error(where + "invalid secret ref '" + reference + "'.");
  if (scheme == "env") {
    const std::string name = reference.substr(scheme.size() + kSeparator.size());
    if (const char* value = ::getenv(name.c_str())) return std::string(value);
    return ipc::plain_error(where + "secret ref '" + reference + "', but environment variable '" +
                            name + "' is not set.");
  }
  if (scheme == "registry") {
    return ipc::plain_error(where + "secret ref '" + reference +
                            "', but this version of charter-daemon reads no secret backends.");
  }
  return ipc::plain_error(where + "unsupported secret ref scheme '" + scheme + "' in '" +
                          reference + "'.");
}

ipc::Result<CapabilityVariables> capability_variables(const std::string& capability,
                                                      const Object& definition) {
  CapabilityVariables variables;
  std::vector<std::string> twice;
  const auto secrets = references(definition, "env_secret_refs");
  const Value& plain = get(definition, "env");
  if (plain.is_object()) {
    for (const auto& [name, value] : plain.as_object()) {
      const bool also_secret = std::any_of(secrets.begin(), secrets.end(),
                                           [&](const auto& one) { return one.first == name; });
      if (also_secret) twice.push_back(name);
      if (!value.is_string()) {
        return ipc::plain_error("expected str, bytes or os.PathLike object, not " +
                                std::string(type_name(value)));
      }
      variables.all.emplace_back(name, value.as_string());
    }
  }
  if (!twice.empty()) {
    std::sort(twice.begin(), twice.end());
    std::string names;
    for (const std::string& name : twice) names += (names.empty() ? "" : ", ") + name;
    return ipc::plain_error(of_capability(capability) +
                            "duplicate env var(s) declared in both 'env' and 'secrets': " + names);
  }
  for (const auto& [name, reference] : secrets) {
    auto value = resolve_secret(capability, name, reference);
    if (!value) return value.error();
    variables.secrets.push_back(*value);
    variables.all.emplace_back(name, std::move(*value));
  }
  return variables;
}

ipc::Result<std::vector<std::pair<std::string, std::string>>> config_secrets(
    const std::string& capability, const Object& definition) {
  auto secrets = references(definition, "config_secret_refs");
  for (auto& [pointer, secret] : secrets) {
    auto value = resolve_secret(capability, pointer, secret);
    if (!value) return value.error();
    secret = std::move(*value);
  }
  return secrets;
}

std::optional<Failure> preflight_secrets(const std::string& workflow, const Object& capabilities) {
  std::vector<std::string> names;
  for (const auto& [uses, definition] : capabilities) names.push_back(uses);
  std::sort(names.begin(), names.end());
  std::string faults;
  for (const std::string& uses : names) {
    const Value* definition = capabilities.find(uses);
    if (definition == nullptr || !definition->is_object()) continue;
    const std::string found = faults_of(uses, definition->as_object());
    if (!found.empty()) faults += "\n  capability: " + uses + found;
  }
  if (faults.empty()) return std::nullopt;
  return Failure(code::kMissingSecret,
                 "Missing or invalid secrets for workflow '" + workflow + "':" + faults);
}

}  // namespace charter::worker
