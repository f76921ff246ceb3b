#include "worker/plan/capabilities.h"

#include <set>

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/plan/capability_config.h"
#include "worker/plan/entry_points.h"
#include "worker/plan/runtime.h"
#include "worker/plan/step_parser.h"

namespace charter::worker {
namespace {

std::optional<std::string> without_prefix(std::string_view uses, std::string_view prefix) {
  if (!uses.starts_with(prefix)) return std::nullopt;
  return std::string(uses.substr(prefix.size()));
}

const Binding* binding_of(const Workflow& workflow, std::string_view uses) {
  const auto id = without_prefix(uses, kBindingPrefix);
  for (const Binding& binding : workflow.bindings) {
    if (binding.id == id) return &binding;
  }
  return nullptr;
}

// The project's capability behind a reference, by way of its binding.
const Capability* capability_of(const Project& project, std::string_view uses,
                                const Binding* binding) {
  const auto id =
      without_prefix(binding == nullptr ? uses : binding->uses.as_string(), kCapabilityPrefix);
  return id ? project.capability(*id) : nullptr;
}

bool is_secret(const Value& value) {
  return value.is_object() && value.as_object().size() == 1 &&
         value.as_object().find("from_secret") != nullptr;
}

Value without_secrets(const Value& value) {
  if (is_secret(value)) return {};
  if (value.is_array()) {
    Array items;
    for (const Value& item : value.as_array()) items.push_back(without_secrets(item));
    return Value(std::move(items));
  }
  if (!value.is_object()) return value;
  Object members;
  for (const auto& [key, item] : value.as_object()) members.set(key, without_secrets(item));
  return Value(std::move(members));
}

Object overlaid(Object base, const Object& over) {
  for (const auto& [key, value] : over) base.set(key, value);
  return base;
}

Value text_map(const TextPairs& pairs) {
  if (pairs.empty()) return {};
  Object map;
  for (const auto& [key, value] : pairs) map.set(key, Value(value));
  return Value(std::move(map));
}

class Resolver {
 public:
  Resolver(Files& files, const Workflow& workflow, const Project& project,
           const std::string& plan_path)
      : files_(files), workflow_(workflow), project_(project), plan_path_(plan_path) {
    for (const Step& step : workflow.steps) {
      const bool wanted = step.type == StepType::integration && step.uses;
      if (wanted && seen_.insert(*step.uses).second) needed_.push_back(*step.uses);
    }
  }

  Outcome<Object> run() {
    if (auto failure = check_targets()) return std::move(*failure);
    for (const std::string& uses : needed_) {
      if (auto failure = resolve(uses)) return std::move(*failure);
    }
    if (!problems_.empty()) {
      return Failure(code::kCapabilityError, "Capability resolution failed:" + problems_);
    }
    if (auto failure = check_complete()) return std::move(*failure);
    return std::move(resolved_);
  }

 private:
  using Failed = std::optional<Failure>;

  Failed check_targets() const {
    std::string missing;
    for (const Binding& binding : workflow_.bindings) {
      const std::string reference = std::string(kBindingPrefix) + binding.id;
      if (seen_.find(reference) == seen_.end()) continue;
      if (capability_of(project_, reference, &binding) != nullptr) continue;
      missing += (missing.empty() ? "" : ", ") + binding.id + " -> " + str(binding.uses);
    }
    if (missing.empty()) return std::nullopt;
    return Failure(code::kCapabilityError,
                   plan_path_ + ": bindings target missing project capabilities: " + missing);
  }

  Failed resolve(const std::string& uses) {
    const Binding* binding = binding_of(workflow_, uses);
    const Capability* capability = capability_of(project_, uses, binding);
    if (capability == nullptr) return std::nullopt;
    Capability effective = *capability;
    if (binding != nullptr) {
      effective.with = overlaid(effective.with, binding->with.as_object());
      effective.config_secrets.clear();
      if (Fault fault =
              find_config_secrets(effective.with, plan_path_, uses, effective.config_secrets)) {
        return failure_of(*fault, code::kInvalidConfig);
      }
    }
    return describe(uses, effective);
  }

  // Concrete references for logical secrets; the first without one is the uses' problem.
  bool bind_secrets(const std::string& uses, TextPairs& pairs) {
    for (auto& [key, secret] : pairs) {
      if (const Value* reference = project_.secret_bindings.find(secret)) {
        secret = reference->as_string();
      } else if (project_.secret_sources.find("default") != nullptr) {
        secret = "registry://default/" + secret;
      } else {
        add_problem(uses, "Capability '" + uses + "': logical secret '" + secret +
                              "' is not configured in project secrets, and no default secret "
                              "source is configured.");
        return false;
      }
    }
    return true;
  }

  void add_problem(const std::string& uses, const std::string& text) {
    problems_ += "\n  - " + uses + ": " + text;
  }

  Failed describe(const std::string& uses, Capability& capability) {
    if (!bind_secrets(uses, capability.config_secrets)) return std::nullopt;
    if (!bind_secrets(uses, capability.env_secrets)) return std::nullopt;
    if (capability.kind == "command") return describe_command(uses, capability);
    const bool python = capability.kind == "python";
    if (!python && !is_offered(str(capability.value))) {
      add_problem(uses, "Unknown integration '" + str(capability.value) + "'");
      return std::nullopt;
    }
    Object written;
    written.set("kind", Value(python ? "python" : "entry_point"));
    written.set(python ? "spec" : "name", Value(str(capability.value)));
    written.set("config", without_secrets(Value(capability.with)));
    written.set("env", Value());
    written.set("config_secret_refs", text_map(capability.config_secrets));
    written.set("secrets_registry", Value(project_.secret_sources));
    resolved_.set(uses, Value(std::move(written)));
    return std::nullopt;
  }

  // Without the project's environment nothing can be said, and the launch fails for that.
  bool is_offered(const std::string& name) {
    if (!runtime_) runtime_ = find_python_runtime(files_, project_.root);
    if (!*runtime_) return true;
    std::vector<std::string> packages = (*runtime_)->project;
    packages.insert(packages.end(), (*runtime_)->toolchain.begin(), (*runtime_)->toolchain.end());
    return offers_entry_point(files_, packages, kIntegrationGroup, name);
  }

  Failed describe_command(const std::string& uses, const Capability& capability) {
    Value command = capability.value;
    if (command.is_string()) {
      std::string why;
      auto words = split_command(command.as_string(), why);
      if (!words) return internal(why);
      command = Value(std::move(*words));
    } else if (command.is_object()) {  // list() of a mapping has its keys
      Array keys;
      for (const auto& [key, value] : command.as_object()) keys.push_back(decode_key(key));
      command = Value(std::move(keys));
    } else if (!command.is_array()) {
      return internal(type_fault(command, "is not iterable"));
    }
    Object written;
    written.set("kind", Value("subprocess"));
    written.set("command", std::move(command));
    written.set("env", capability.env ? Value(*capability.env) : Value());
    written.set("env_secret_refs", text_map(capability.env_secrets));
    written.set("secrets_registry", Value(project_.secret_sources));
    resolved_.set(uses, Value(std::move(written)));
    return std::nullopt;
  }

  Failed check_complete() const {
    std::string missing;
    for (const std::string& uses : seen_) {
      if (resolved_.find(uses) == nullptr) missing += (missing.empty() ? "" : ", ") + uses;
    }
    if (missing.empty()) return std::nullopt;
    return Failure(code::kCapabilityError,
                   "Workflow '" + plan_path_ + "': unresolved integrations: " + missing +
                       ". Add capabilities in charter.yml or use explicit --capability overrides.");
  }

  Files& files_;
  std::optional<ipc::Result<PythonRuntime>> runtime_;
  const Workflow& workflow_;
  const Project& project_;
  const std::string& plan_path_;
  std::set<std::string> seen_;
  std::vector<std::string> needed_;
  Object resolved_;
  std::string problems_;
};

}  // namespace

void overlay_configurations(Workflow& workflow, const Project& project) {
  for (Step& step : workflow.steps) {
    if (step.type != StepType::integration || !step.uses) continue;
    const Binding* binding = binding_of(workflow, *step.uses);
    const Capability* capability = capability_of(project, *step.uses, binding);
    Object with = capability == nullptr ? Object() : capability->with;
    if (binding != nullptr) with = overlaid(std::move(with), binding->with.as_object());
    Value bare = without_secrets(Value(overlaid(std::move(with), step.with)));
    step.with = bare.is_object() ? bare.as_object() : Object();
  }
}

Outcome<Object> resolve_capabilities(Files& files, const Workflow& workflow, const Project& project,
                                     const std::string& plan_path) {
  return Resolver(files, workflow, project, plan_path).run();
}

}  // namespace charter::worker
