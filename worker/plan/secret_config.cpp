#include "worker/plan/secret_config.h"

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/json/unicode.h"

namespace charter::worker {
namespace {

bool names_backend(std::string_view text) { return text.find("://") != std::string_view::npos; }

// A slash path of at least two parts, none empty.
bool is_logical(std::string_view id) {
  return id.find('/') != std::string_view::npos && !id.starts_with('/') && !id.ends_with('/') &&
         id.find("//") == std::string_view::npos;
}

// `context` is all that comes before the complaint.
Fault check_logical(std::string_view id, const std::string& context) {
  if (names_backend(id)) {
    return invalid(context + " must be a logical secret id like 'github/token', not a backend ref");
  }
  if (!is_logical(id)) {
    return invalid(context + " must use slash-path syntax like 'github/token'");
  }
  return std::nullopt;
}

bool is_alias(std::string_view text) {
  const auto fits = [](char letter) {
    return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
           (letter >= '0' && letter <= '9');
  };
  if (text.empty() || !fits(text[0])) return false;
  for (const char letter : text) {
    if (!fits(letter) && letter != '_' && letter != '-') return false;
  }
  return true;
}

Fault check_alias(std::string_view alias, const std::string& context) {
  if (alias.empty()) return invalid(context + " aliases must not be empty");
  if (names_backend(alias)) return invalid(context + " must not use internal secret ref syntax");
  if (!is_alias(alias)) {
    return invalid(context + " alias '" + std::string(alias) +
                   "' must use only letters, digits, '-' or '_'");
  }
  return std::nullopt;
}

class SecretsParser {
 public:
  SecretsParser(const std::string& source, Project& project) : source_(source), project_(project) {}

  Fault parse_sources(const Value& raw) {
    if (raw.is_null()) return std::nullopt;
    const std::string context = source_ + ": secrets.sources";
    if (!raw.is_object()) return invalid(context + " must be a mapping");
    for (const auto& [key, spec] : raw.as_object()) {
      if (!is_text_key(key)) return invalid(context + " aliases must be strings");
      const std::string alias(strip(key));
      if (Fault wrong = check_alias(alias, context)) return wrong;
      if (alias == "env") {
        return invalid(context + ".env is reserved for the built-in env source");
      }
      if (Fault wrong = parse_source(alias, spec, context + "." + alias)) return wrong;
    }
    return std::nullopt;
  }

  Fault parse_bindings(const Value& raw) {
    if (raw.is_null()) return std::nullopt;
    const std::string context = source_ + ": secrets.bindings";
    if (!raw.is_object()) return invalid(context + " must be a mapping");
    for (const auto& [key, spec] : raw.as_object()) {
      if (!is_text_key(key)) return invalid(context + " keys must be strings");
      const std::string id(strip(key));
      if (id.empty()) return invalid(context + " keys must not be empty");
      if (Fault wrong = check_logical(id, source_ + ": logical secret id '" + id + "'")) {
        return wrong;
      }
      if (Fault wrong = parse_binding(id, spec, context + "." + id)) return wrong;
    }
    return std::nullopt;
  }

 private:
  Fault parse_source(const std::string& alias, const Value& spec, const std::string& context) {
    if (!spec.is_object()) return invalid(context + " must be a mapping");
    const Value& kind = get(spec.as_object(), "kind");
    if (!is_visible_text(kind)) return invalid(context + " must define a non-empty 'kind'");
    Object config;
    config.set("kind", Value(strip(kind.as_string())));
    for (const auto& [option, value] : spec.as_object()) {
      if (!is_text_key(option)) return invalid(context + " option keys must be strings");
      if (option != "kind") config.set(option, value);
    }
    project_.secret_sources.set(alias, Value(std::move(config)));
    return std::nullopt;
  }

  Fault parse_binding(const std::string& id, const Value& spec, const std::string& context) {
    std::string key;
    if (spec.is_string()) {
      if (Fault wrong = parse_key(spec, context, key)) return wrong;
      if (project_.secret_sources.find("default") == nullptr) {
        return invalid(context + " requires secrets.sources.default");
      }
      project_.secret_bindings.set(id, Value("registry://default/" + key));
      return std::nullopt;
    }
    if (!spec.is_object()) return invalid(context + " must be a string or mapping");
    const Object& fields = spec.as_object();
    if (Fault unknown = find_unknown(fields, {"source", "key"}, context)) return unknown;
    if (!is_visible_text(get(fields, "source"))) {
      return invalid(context + ".source must be a non-empty string");
    }
    const std::string from(strip(get(fields, "source").as_string()));
    if (Fault wrong = parse_key(get(fields, "key"), context, key)) return wrong;
    if (from == "env") {
      project_.secret_bindings.set(id, Value("env://" + key));
      return std::nullopt;
    }
    if (Fault wrong = check_alias(from, context + ".source")) return wrong;
    if (project_.secret_sources.find(from) == nullptr) {
      return invalid(context + " source '" + from + "' is not configured in secrets.sources");
    }
    project_.secret_bindings.set(id, Value("registry://" + from + "/" + key));
    return std::nullopt;
  }

  static Fault parse_key(const Value& raw, const std::string& context, std::string& key) {
    if (!is_visible_text(raw)) return invalid(context + ".key must be a non-empty string");
    key = strip(raw.as_string());
    if (names_backend(key)) return invalid(context + " must not use internal secret ref syntax");
    return std::nullopt;
  }

  const std::string& source_;
  Project& project_;
};

}  // namespace

Fault parse_secret_name(const Value& raw, const std::string& source, const std::string& capability,
                        const std::string& context, std::optional<std::string>& name) {
  if (!raw.is_object()) return std::nullopt;
  const Value* secret = raw.as_object().find("from_secret");
  if (secret == nullptr) return std::nullopt;
  const std::string place = source + ": capability '" + capability + "' " + context;
  if (raw.as_object().size() != 1) {
    return invalid(place + " from_secret binding must not define other keys");
  }
  if (!secret->is_string()) return invalid(place + ".from_secret must be a string");
  const std::string id(strip(secret->as_string()));
  if (id.empty()) return invalid(place + ".from_secret must not be empty");
  const std::string secret_of =
      source + ": secret id for capability '" + capability + "' key '" + context + "'";
  if (Fault wrong = check_logical(id, secret_of)) return wrong;
  name = id;
  return std::nullopt;
}

Fault parse_secrets(const Value& raw, const std::string& source, Project& project) {
  if (raw.is_null()) return std::nullopt;
  if (!raw.is_object()) return invalid(source + ": secrets must be a mapping");
  const Object& fields = raw.as_object();
  if (Fault unknown = find_unknown(fields, {"sources", "bindings"}, source + ": secrets")) {
    return unknown;
  }
  SecretsParser parser(source, project);
  if (Fault wrong = parser.parse_sources(get(fields, "sources"))) return wrong;
  return parser.parse_bindings(get(fields, "bindings"));
}

}  // namespace charter::worker
