#include "worker/plan/step_io.h"

#include <algorithm>
#include <array>

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/plan/fields.h"

namespace charter::worker {
namespace {

constexpr std::array<std::string_view, 6> kOutputTypes = {"string", "number", "boolean",
                                                          "array",  "object", "artifact"};

bool is_nothing(const Value& raw) {
  return raw.is_null() || (raw.is_object() && raw.as_object().empty());
}

std::string about(const std::string& step) { return "Step '" + step + "': "; }

bool parse_sensitive(const Object& raw, const std::string& step, const std::string& name,
                     Problems& problems) {
  const Value* sensitive = raw.find("sensitive");
  if (sensitive == nullptr) return false;
  if (sensitive->is_bool()) return sensitive->as_bool();
  problems.add(about(step) + "'" + name + "'.sensitive must be a boolean");
  return false;
}

StepInput parse_object_input(const Object& raw, const std::string& step, const std::string& name,
                             Problems& problems) {
  check_unknown(raw, {"from", "value", "sensitive"}, "Step '" + step + "' input '" + name + "'",
                problems);
  const Value* from = raw.find("from");
  const Value* value = raw.find("value");
  const std::string input = about(step) + "input '" + name + "' ";
  if (from != nullptr && value != nullptr) problems.add(input + "has ambiguous source");
  if (from == nullptr && value == nullptr) problems.add(input + "is missing source");
  const bool sensitive = parse_sensitive(raw, step, name, problems);
  if (from == nullptr) {
    return {name, value == nullptr ? Value() : *value, InputKind::value, sensitive};
  }
  if (value == nullptr && !from->is_string()) {
    problems.add(input + "field 'from' must be a string");
    return {name, Value(""), InputKind::from, sensitive};
  }
  return {name, *from, InputKind::from, sensitive};
}

// The type and the flags of one output; the type is checked by the caller.
struct Declaration {
  const Value* type = nullptr;
  bool sensitive = false;
  std::optional<ArtifactSpec> artifact;
};

Declaration parse_declaration(const Object& raw, const std::string& step, const std::string& name,
                              Problems& problems) {
  const std::string context = "Step '" + step + "' output '" + name + "'";
  const std::string output = about(step) + "output '" + name + "' ";
  const bool rich = raw.find("name") != nullptr || raw.find("content_type") != nullptr;
  Declaration declared;
  declared.type = raw.find("type");
  if (rich) {
    check_unknown(raw, {"type", "sensitive", "name", "content_type"}, context, problems);
    if (!(get(raw, "type") == Value("artifact"))) {
      problems.add(output +
                   "fields 'name' and 'content_type' are only valid when type == 'artifact'");
    }
    declared.artifact = ArtifactSpec{get(raw, "name"), get(raw, "content_type")};
  } else {
    check_unknown(raw, {"type", "sensitive"}, context, problems);
  }
  if (declared.type == nullptr) problems.add(output + "field 'type' is required");
  declared.sensitive = parse_sensitive(raw, step, name, problems);
  return declared;
}

}  // namespace

bool SeenOutputs::add(const std::string& name, const std::string& step, Problems& problems) {
  const auto [place, fresh] = steps_.emplace(name, step);
  if (fresh) return true;
  problems.add("Duplicate output name '" + name + "': declared by both step '" + place->second +
               "' and step '" + step + "'");
  return false;
}

std::vector<StepInput> parse_inputs(const Value& raw, const std::string& step, Problems& problems) {
  std::vector<StepInput> inputs;
  if (is_nothing(raw)) return inputs;
  if (!raw.is_object()) {
    problems.add(about(step) + "'inputs' must be a mapping");
    return inputs;
  }
  for (const auto& [name, declaration] : raw.as_object()) {
    if (!is_text_key(name)) {
      problems.add(about(step) + "input names must be strings");
    } else if (declaration.is_object()) {
      inputs.push_back(parse_object_input(declaration.as_object(), step, name, problems));
    } else {
      inputs.push_back({name, declaration, InputKind::automatic, false});
    }
  }
  return inputs;
}

std::vector<StepOutput> parse_outputs(const Value& raw, const std::string& step, Problems& problems,
                                      SeenOutputs& seen) {
  static const Value kNone;
  std::vector<StepOutput> outputs;
  if (is_nothing(raw)) return outputs;
  if (!raw.is_object()) {
    problems.add(about(step) + "'outputs' must be a mapping of output_name: type");
    return outputs;
  }
  for (const auto& [name, declaration] : raw.as_object()) {
    if (!is_text_key(name)) {
      problems.add(about(step) + "output names must be strings");
      continue;
    }
    Declaration declared{&declaration, false, std::nullopt};
    if (declaration.is_object()) {
      declared = parse_declaration(declaration.as_object(), step, name, problems);
    }
    const Value& type = declared.type == nullptr ? kNone : *declared.type;
    const bool known = type.is_string() && std::find(kOutputTypes.begin(), kOutputTypes.end(),
                                                     type.as_string()) != kOutputTypes.end();
    if (!known) {
      problems.add(about(step) + "output '" + name + "' has invalid type '" + str(type) +
                   "'. Expected one of: string, number, boolean, array, object, artifact");
    } else if (seen.add(name, step, problems)) {
      outputs.push_back({name, type.as_string(), declared.sensitive, std::move(declared.artifact)});
    }
  }
  return outputs;
}

}  // namespace charter::worker
