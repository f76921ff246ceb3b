#include "worker/plan/launch_inputs.h"

#include "worker/json/python.h"

namespace charter::worker {
namespace {

// A command-line text as JSON, where it is that.
Value converted(const Value& text) {
  auto parsed = parse_json(text.as_string());
  return parsed ? std::move(*parsed) : text;
}

// What a declared text gets: a given text as it is, anything else as JSON writes it.
Value as_text(const Value& given) { return given.is_string() ? given : Value(dump(given)); }

Failure wrong_input(const Manifest& manifest, const DeclaredInput& input, const std::string& what) {
  return {code::kInvalidInput,
          "Workflow '" + manifest.id + "' input '" + input.name + "' must " + what};
}

// Sets the declared input in `resolved`; an optional one without a value stays absent.
std::optional<Failure> settle(const Manifest& manifest, const DeclaredInput& input,
                              const Object& given, Object& resolved) {
  const Value* raw = given.find(input.name);
  if (raw == nullptr && input.has_default) {
    resolved.set(input.name, input.fallback);
    return std::nullopt;
  }
  if (raw == nullptr && input.required) {
    return Failure(code::kInvalidInput, "Workflow '" + manifest.id + "' requires input '" +
                                            input.name + "'. Pass '--var " + input.name +
                                            "=...' when starting the run.");
  }
  if (raw == nullptr) return std::nullopt;
  Value value = input.type == "string" ? as_text(*raw) : get(resolved, input.name);
  if (!matches(value, input.type)) {
    return wrong_input(manifest, input, "match declared type '" + input.type + "'");
  }
  if (json_fault(value, true)) return wrong_input(manifest, input, "be JSON-serializable");
  resolved.set(input.name, std::move(value));
  return std::nullopt;
}

}  // namespace

Outcome<Object> launch_variables(const Manifest& manifest, const Object& given, bool text) {
  Object resolved;
  for (const auto& [name, value] : given) {
    if (text && !value.is_string()) {
      return Failure(code::kInvalidInput, "variable '" + name + "' is no text");
    }
    resolved.set(name, text ? converted(value) : value);
  }
  for (const DeclaredInput& input : manifest.inputs) {
    if (auto failure = settle(manifest, input, given, resolved)) return std::move(*failure);
  }
  return resolved;
}

}  // namespace charter::worker
