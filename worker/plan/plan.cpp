#include "worker/plan/plan.h"

#include <set>

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/json/unicode.h"
#include "worker/plan/fields.h"
#include "worker/plan/step_parser.h"
#include "worker/yaml/reader.h"

namespace charter::worker {
namespace {

Value parse_binding_uses(const std::string& id, const Value& raw, Problems& problems) {
  const std::string context = "binding '" + id + "': ";
  if (raw.is_null()) {
    problems.add(context + "uses is required");
    return Value("");
  }
  if (!is_visible_text(raw)) {
    problems.add(context + "uses must be a non-empty string");
    return Value("");
  }
  const std::string_view uses = strip(raw.as_string());
  if (!uses.starts_with(kCapabilityPrefix)) {
    problems.add(context + "uses must reference a project capability as 'capability/<id>'");
  } else if (uses == kCapabilityPrefix) {
    problems.add(context + "capability reference must include an id");
  }
  return Value(uses);
}

Value parse_description(const std::string& id, const Value& raw, Problems& problems) {
  const std::string context = "binding '" + id + "': ";
  if (raw.is_null()) {
    problems.add(context +
                 "description is required — add a one-line description of this binding's purpose");
    return Value("");
  }
  if (!is_visible_text(raw)) {
    problems.add(context + "description must be a non-empty one-line string");
    return Value("");
  }
  return Value(strip(raw.as_string()));
}

Binding parse_binding(const std::string& id, const Object& raw, Problems& problems) {
  check_unknown(raw, {"uses", "description", "with"}, "binding '" + id + "'", problems);
  Binding binding{id, parse_binding_uses(id, get(raw, "uses"), problems),
                  parse_description(id, get(raw, "description"), problems), Value(Object())};
  const Value& with = get(raw, "with");
  if (with.is_object()) {
    binding.with = with;
  } else if (truthy(with)) {
    problems.add("binding '" + id + "': 'with' must be a mapping");
  }
  return binding;
}

std::vector<Binding> parse_bindings(const Value& raw, Problems& problems) {
  std::vector<Binding> bindings;
  if (raw.is_null()) return bindings;
  if (!raw.is_object()) {
    problems.add("'bindings' must be a mapping");
    return bindings;
  }
  std::set<std::string, std::less<>> ids;
  for (const auto& [key, spec] : raw.as_object()) {
    if (!is_text_key(key)) {
      problems.add("binding ids must be strings");
      continue;
    }
    const std::string id(strip(key));
    if (id.empty()) {
      problems.add("binding ids must not be empty");
    } else if (ids.find(id) != ids.end()) {
      problems.add("duplicate binding '" + id + "'");
    } else if (!spec.is_object()) {
      problems.add("binding '" + id + "': must be a mapping");
    } else {
      ids.insert(id);
      bindings.push_back(parse_binding(id, spec.as_object(), problems));
    }
  }
  return bindings;
}

class StepsParser {
 public:
  explicit StepsParser(Problems& problems) : problems_(problems) {}

  void parse(const Value& raw) {
    if (!raw.is_object()) {
      problems_.add("Each step must be a mapping");
      return;
    }
    const Object& fields = raw.as_object();
    const Value& id = get(fields, "id");
    if (!truthy(id)) {
      problems_.add("Each step must have an 'id'");
      return;
    }
    if (!is_new(id)) return;
    const std::optional<StepType> type = type_of(fields, str(id));
    if (!type) return;
    if (auto step = parse_step(fields, *type, problems_, seen_)) {
      steps.push_back(std::move(*step));
    }
  }

  std::vector<Step> steps;

 private:
  bool is_new(const Value& id) {
    if (!is_hashable(id)) {
      problems_.break_off("unhashable type: '" + std::string(type_name(id)) + "'");
      return false;
    }
    // As a dict's key, so that 1, 1.0 and True are one id.
    const std::size_t before = ids_.size();
    set_scalar_key(ids_, id, Value());
    if (ids_.size() > before) return true;
    problems_.add("Duplicate step id: '" + str(id) + "'");
    return false;
  }

  std::optional<StepType> type_of(const Object& fields, const std::string& id) {
    const Value* type = fields.find("type");
    if (type == nullptr) return StepType::integration;
    if (!is_hashable(*type)) {
      problems_.break_off("unhashable type: '" + std::string(type_name(*type)) + "'");
      return std::nullopt;
    }
    const auto known = type->is_string() ? step_type(type->as_string()) : std::nullopt;
    if (!known) {
      problems_.add("Step '" + id + "': unknown type '" + str(*type) +
                    "', must be 'step', 'shell', 'gate', 'input', 'state', or 'export'");
    }
    return known;
  }

  Problems& problems_;
  SeenOutputs seen_;
  Object ids_;
};

void check_binding_use(const Workflow& workflow, Problems& problems) {
  std::set<std::string> known;
  for (const Binding& binding : workflow.bindings) known.insert(binding.id);
  std::set<std::string> used;
  for (const Step& step : workflow.steps) {
    if (step.uses && step.uses->starts_with(kBindingPrefix)) {
      used.insert(step.uses->substr(kBindingPrefix.size()));
    }
  }
  for (const std::string& id : used) {
    if (known.find(id) == known.end()) {
      problems.add("uses references unknown binding '" + id + "'");
    }
  }
  std::string unused;
  for (const std::string& id : known) {
    if (used.find(id) == used.end()) unused += (unused.empty() ? "" : ", ") + id;
  }
  if (!unused.empty()) problems.add("bindings are not used by any step: " + unused);
}

}  // namespace

Outcome<Workflow> check_plan(const Value& data, std::string_view workflow_id) {
  if (!data.is_object()) {
    return Failure(code::kInvalidInput, "Workflow YAML must be a top-level mapping");
  }
  const Object& raw = data.as_object();
  Problems problems;
  check_unknown(raw, {"bindings", "steps"}, "Workflow", problems, "top level");
  Workflow workflow;
  workflow.workflow = Value(workflow_id);
  workflow.bindings = parse_bindings(get(raw, "bindings"), problems);
  StepsParser parser(problems);
  if (const Value* steps = raw.find("steps"); steps != nullptr && steps->is_array()) {
    for (const Value& step : steps->as_array()) parser.parse(step);
  } else if (steps != nullptr) {
    problems.add("'steps' must be a list");
  }
  workflow.steps = std::move(parser.steps);
  check_binding_use(workflow, problems);
  if (problems.fault()) return internal(*problems.fault());
  if (!problems.empty()) return Failure(code::kInvalidInput, problems.text());
  return workflow;
}

Outcome<Workflow> parse_plan(std::string_view text, std::string_view workflow_id) {
  const auto data = read_yaml(text);
  if (data) return check_plan(*data, workflow_id);
  if (data.error().kind == YamlError::Kind::value) return internal(data.error().text);
  return Failure(code::kInvalidInput, "Invalid YAML: " + data.error().text);
}

}  // namespace charter::worker
