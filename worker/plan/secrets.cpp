#include "worker/plan/secrets.h"

#include <algorithm>
#include <cstdlib>

#include "worker/json/python.h"
#include "worker/json/unicode.h"

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

// Nothing, a list of faults, or what makes the whole launch fail.
Outcome<std::string> faults_of(const std::string& capability, const Object& definition,
                               SecretBackends& backends) {
  const SecretReader reader(capability, definition, backends);
  std::string faults;
  for (const char* field : {"config_secret_refs", "env_secret_refs"}) {
    auto refs = references(definition, field);
    std::sort(refs.begin(), refs.end());
    for (const auto& [name, reference] : refs) {
      const auto value = reader.read(name, reference);
      if (value) continue;
      if (value.error().code != code::kMissingSecret) return value.error();
      faults += "\n    " + name + ": " + shortened(capability, name, reference, value.error().text);
    }
  }
  if (!faults.empty()) return faults;
  const Value& in_config = get(definition, "config_secret_refs");
  if (in_config.is_object() && in_config.as_object().find("") != nullptr) {
    return std::string("\n    config: config secret ref path must not target the config root");
  }
  const auto variables = capability_variables(capability, definition, backends);
  if (variables) return std::string();
  std::string text = without_prefix(variables.error().text, of_capability(capability));
  if (text.ends_with('.')) text.pop_back();
  return "\n    config: " + text;
}

}  // namespace

std::string secret_scheme(const std::string& reference) {
  const std::size_t at = reference.find(kSeparator);
  if (at == std::string::npos || at + kSeparator.size() == reference.size()) return {};
  return reference.substr(0, at);
}

bool needs_backends(const Object& capabilities) {
  for (const auto& [uses, definition] : capabilities) {
    if (!definition.is_object()) continue;
    for (const char* field : {"config_secret_refs", "env_secret_refs"}) {
      for (const auto& [name, reference] : references(definition.as_object(), field)) {
        if (secret_scheme(reference) == "registry") return true;
      }
    }
  }
  return false;
}

Failure SecretReader::wrong(const std::string& text) const {
  return {code::kMissingSecret, of_capability(capability_) + text};
}

Outcome<std::string> SecretReader::read(const std::string& variable,
                                        const std::string& reference) const {
  const std::string who = "env var '" + variable + "' uses ";
  const std::string scheme = secret_scheme(reference);
  if (scheme.empty()) return wrong(who + "invalid secret ref '" + reference + "'.");
  const std::string location = reference.substr(scheme.size() + kSeparator.size());
  if (scheme == "env") {
    if (const char* value = ::getenv(location.c_str())) return std::string(value);
    return wrong(who + "secret ref '" + reference + "', but environment variable '" + location +
                 "' is not set.");
  }
  if (scheme == "registry") return ask(variable, reference, location);
  return wrong(who + "unsupported secret ref scheme '" + scheme + "' in '" + reference + "'.");
}

Outcome<std::string> SecretReader::ask(const std::string& variable, const std::string& reference,
                                       const std::string& location) const {
  const std::string who = "env var '" + variable + "' uses ";
  const std::string but = who + "secret ref '" + reference + "', but ";
  SecretQuestion question;
  const std::size_t slash = location.find('/');
  question.alias = location.substr(0, slash);
  if (slash != std::string::npos) question.key = location.substr(slash + 1);
  if (question.alias.empty() || question.key.empty()) {
    return wrong(who + "invalid registry secret ref '" + reference +
                 "'. Expected 'registry://<backend-alias>/<key>'.");
  }
  const Value& registry = get(definition_, "secrets_registry");
  const Value* source =
      registry.is_object() ? std::as_const(registry).as_object().find(question.alias) : nullptr;
  if (source == nullptr || !source->is_object()) {
    return wrong(but + "secrets_registry backend '" + question.alias + "' is not configured.");
  }
  question.options = source->as_object();
  const Value& kind = get(question.options, "kind");
  if (!is_visible_text(kind)) {
    return wrong("secrets_registry backend '" + question.alias +
                 "' must define a non-empty 'kind'.");
  }
  question.kind = strip(kind.as_string());
  question.options.erase("kind");
  const auto answer = backends_.ask(question);
  if (!answer) return internal(answer.error().message());
  switch (answer->kind) {
    case SecretAnswer::Kind::value:
      return answer->text;
    case SecretAnswer::Kind::not_text:
      return wrong(but + "the resolved value is not a string.");
    case SecretAnswer::Kind::wrong:
      return wrong(but + answer->text);
    case SecretAnswer::Kind::refused:
      break;
  }
  return Failure(code::kMissingSecret, answer->text);
}

Outcome<CapabilityVariables> capability_variables(const std::string& capability,
                                                  const Object& definition,
                                                  SecretBackends& backends) {
  const SecretReader reader(capability, definition, backends);
  CapabilityVariables variables;
  std::vector<std::string> twice;
  const auto secrets = references(definition, "env_secret_refs");
  const Value& plain = get(definition, "env");
  if (plain.is_object()) {
    for (const auto& [name, value] : plain.as_object()) {
      const bool also_secret =
          std::any_of(secrets.begin(), secrets.end(),
                      [&wanted = name](const auto& one) { return one.first == wanted; });
      if (also_secret) twice.push_back(name);
      if (!value.is_string()) {
        return internal("expected str, bytes or os.PathLike object, not " +
                        std::string(type_name(value)));
      }
      variables.all.emplace_back(name, value.as_string());
    }
  }
  if (!twice.empty()) {
    std::sort(twice.begin(), twice.end());
    std::string names;
    for (const std::string& name : twice) names += (names.empty() ? "" : ", ") + name;
    return Failure(code::kMissingSecret,
                   of_capability(capability) +
                       "duplicate env var(s) declared in both 'env' and 'secrets': " + names);
  }
  for (const auto& [name, reference] : secrets) {
    auto value = reader.read(name, reference);
    if (!value) return value.error();
    variables.secrets.push_back(*value);
    variables.all.emplace_back(name, std::move(*value));
  }
  return variables;
}

Outcome<std::vector<std::pair<std::string, std::string>>> config_secrets(
    const std::string& capability, const Object& definition, SecretBackends& backends) {
  const SecretReader reader(capability, definition, backends);
  auto secrets = references(definition, "config_secret_refs");
  for (auto& [pointer, secret] : secrets) {
    auto value = reader.read(pointer, secret);
    if (!value) return value.error();
    secret = std::move(*value);
  }
  return secrets;
}

std::optional<Failure> preflight_secrets(const std::string& workflow, const Object& capabilities,
                                         SecretBackends& backends) {
  std::vector<std::string> names;
  for (const auto& [uses, definition] : capabilities) names.push_back(uses);
  std::sort(names.begin(), names.end());
  std::string faults;
  for (const std::string& uses : names) {
    const Value* definition = capabilities.find(uses);
    if (definition == nullptr || !definition->is_object()) continue;
    const auto found = faults_of(uses, definition->as_object(), backends);
    if (!found) return found.error();
    if (!found->empty()) faults += "\n  capability: " + uses + *found;
  }
  if (faults.empty()) return std::nullopt;
  return Failure(code::kMissingSecret,
                 "Missing or invalid secrets for workflow '" + workflow + "':" + faults);
}

}  // namespace charter::worker
