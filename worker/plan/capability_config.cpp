#include "worker/plan/capability_config.h"

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/json/unicode.h"
#include "worker/plan/secret_config.h"

namespace charter::worker {
namespace {

std::string escaped(std::string_view key) {
  std::string out;
  for (const char letter : key) {
    if (letter == '~') {
      out += "~0";
    } else if (letter == '/') {
      out += "~1";
    } else {
      out += letter;
    }
  }
  return out;
}

// The fields of one capability, in the order they are checked.
class CapabilityParser {
 public:
  CapabilityParser(const std::string& source, std::string id)
      : source_(source), id_(std::move(id)), context_(source + ": capability '" + id_ + "'") {}

  Fault parse(const Value& spec) {
    if (!spec.is_object()) return invalid(context_ + " must be a mapping");
    const Object& raw = spec.as_object();
    if (Fault unknown = find_unknown(raw, {"uses", "python", "command", "with", "env"}, context_)) {
      return unknown;
    }
    const Value& with = or_empty(get(raw, "with"));
    if (!with.is_object()) {
      return invalid(source_ + ": 'with' config for capability '" + id_ + "' must be a mapping");
    }
    if (Fault wrong = parse_kind(raw)) return wrong;
    capability.with = with.as_object();
    if (Fault wrong =
            find_config_secrets(capability.with, source_, id_, capability.config_secrets)) {
      return wrong;
    }
    return parse_env(get(raw, "env"));
  }

  Capability capability;

 private:
  Fault parse_kind(const Object& raw) {
    int count = 0;
    for (const std::string_view kind : {"uses", "python", "command"}) {
      const Value* value = raw.find(kind);
      if (value == nullptr) continue;
      ++count;
      capability.kind = kind;
      capability.value = *value;
    }
    if (count == 0 && raw.find("with") != nullptr) {
      return invalid(
          context_ +
          " defines 'with' config but no integration. Capability definitions are complete "
          "replacements; they do not merge with a workflow or project capability of the same id. "
          "Define exactly one of 'uses', 'python', or 'command'. For secret-backed config, put "
          "{from_secret: logical/id} inside 'with' and map the concrete source under project "
          "'secrets.bindings'.");
    }
    if (count != 1) {
      return invalid(context_ + " must define exactly one of 'uses', 'python', or 'command'");
    }
    if (capability.kind != "command" && raw.find("env") != nullptr) {
      return invalid(context_ + " top-level 'env' is only supported for command capabilities");
    }
    return std::nullopt;
  }

  Fault parse_env(const Value& raw) {
    if (raw.is_null()) return std::nullopt;
    const std::string of = " for capability '" + id_ + "'";
    if (!raw.is_object()) return invalid(source_ + ": 'env' config" + of + " must be a mapping");
    Object plain;
    for (const auto& [key, value] : raw.as_object()) {
      if (!is_text_key(key)) return invalid(source_ + ": env keys" + of + " must be strings");
      if (key.empty()) return invalid(source_ + ": env keys" + of + " must not be empty");
      if (value.is_string()) {
        plain.set(key, value);
        continue;
      }
      std::optional<std::string> secret;
      if (Fault wrong = parse_secret_name(value, source_, id_, "env." + key, secret)) return wrong;
      if (!secret) {
        return invalid(source_ + ": env value" + of + " key '" + key +
                       "' must be a string or {from_secret: logical/id}");
      }
      capability.env_secrets.emplace_back(key, *secret);
    }
    if (!plain.empty()) capability.env = std::move(plain);
    return std::nullopt;
  }

  const std::string& source_;
  std::string id_;
  std::string context_;
};

class SecretCollector {
 public:
  SecretCollector(const std::string& source, const std::string& capability, TextPairs& found)
      : source_(source), capability_(capability), found_(found) {}

  Fault collect(const Value& value, const std::string& pointer) {
    std::optional<std::string> secret;
    const std::string context = pointer.empty() ? "with" : pointer;
    if (Fault wrong = parse_secret_name(value, source_, capability_, context, secret)) {
      return wrong;
    }
    if (secret) {
      found_.emplace_back(pointer, *secret);
      return std::nullopt;
    }
    if (value.is_object()) return collect_members(value.as_object(), pointer);
    if (value.is_array()) {
      std::size_t index = 0;
      for (const Value& item : value.as_array()) {
        if (Fault wrong = collect(item, pointer + "/" + std::to_string(index++))) return wrong;
      }
    }
    return std::nullopt;
  }

 private:
  Fault collect_members(const Object& members, const std::string& pointer) {
    for (const auto& [key, value] : members) {
      if (!is_text_key(key)) {
        return invalid(source_ + ": capability '" + capability_ +
                       "' with config keys must be strings");
      }
      if (Fault wrong = collect(value, pointer + "/" + escaped(key))) return wrong;
    }
    return std::nullopt;
  }

  const std::string& source_;
  const std::string& capability_;
  TextPairs& found_;
};

}  // namespace

Fault find_config_secrets(const Object& with, const std::string& source,
                          const std::string& capability, TextPairs& found) {
  if (with.find("process") != nullptr) {
    return invalid(source + ": capability '" + capability +
                   "' 'with.process' is no longer supported");
  }
  return SecretCollector(source, capability, found).collect(Value(with), "");
}

Fault parse_capabilities(const Value& raw, const std::string& source, Project& project) {
  if (!raw.is_object()) return invalid(source + ": capabilities must be a mapping");
  for (const auto& [key, spec] : raw.as_object()) {
    CapabilityParser parser(source, key_text(key));
    if (Fault fault = parser.parse(spec)) return fault;
    project.capabilities.emplace_back(key, std::move(parser.capability));
  }
  return std::nullopt;
}

}  // namespace charter::worker
