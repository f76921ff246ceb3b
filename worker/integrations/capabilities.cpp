#include "worker/integrations/capabilities.h"

#include <algorithm>
#include <utility>

#include "worker/json/python.h"
#include "worker/plan/secrets.h"

namespace charter::worker {
namespace {

ipc::Result<std::vector<std::string>> words_of(const std::string& uses, const Value& command) {
  if (!command.is_array() || command.as_array().empty()) {
    return ipc::plain_error("Capability '" + uses +
                            "': subprocess integration requires a non-empty 'command' list, got " +
                            repr(command));
  }
  std::vector<std::string> words;
  for (const Value& word : command.as_array()) {
    if (!word.is_string()) {
      return ipc::plain_error("expected str, bytes or os.PathLike object, not " +
                              std::string(type_name(word)));
    }
    words.push_back(word.as_string());
  }
  return words;
}

}  // namespace

std::string capability_mark(const std::string& run_id, const std::string& uses) {
  return run_id + ":" + uses + ":0";
}

ipc::Result<void> Capabilities::define(const std::string& uses, const Value& capability,
                                       const std::string& run_id, const Environment& environment,
                                       const Integration::Started& started) {
  static const Object kNone;
  const Object& fields = capability.is_object() ? capability.as_object() : kNone;
  const Value& kind = get(fields, "kind");
  if (kind == Value("python") || kind == Value("entry_point")) {
    return ipc::plain_error("This version of charter-daemon does not run capabilities of kind '" +
                            kind.as_string() + "' ('" + uses + "')");
  }
  if (fields.find("kind") == nullptr) return ipc::plain_error("'kind'");
  if (!(kind == Value("subprocess"))) {
    return ipc::plain_error("Unsupported integration kind '" + str(kind) + "'");
  }
  auto words = words_of(uses, get(fields, "command"));
  if (!words) return words.error();
  auto variables = capability_variables(uses, fields);
  if (!variables) return variables.error();
  secrets_.insert(secrets_.end(), variables->secrets.begin(), variables->secrets.end());
  auto own = environment.for_capability(capability_mark(run_id, uses), variables->all);
  if (!own) return own.error();
  integrations_.push_back(std::make_unique<Integration>(
      Integration::Definition{uses, std::move(*words), std::move(*own), run_id, limits_, mask_},
      attention_, started));
  return {};
}

ipc::Result<void> Capabilities::set_up(const RunState& state, const Workflow& workflow,
                                       const Environment& environment,
                                       const Integration::Started& started) {
  const auto metadata = state.metadata();
  if (!metadata) return metadata.error();
  if (metadata->is_object()) {
    const Value& capabilities = get(metadata->as_object(), "resolved_capabilities");
    if (capabilities.is_object()) {
      for (const auto& [uses, capability] : capabilities.as_object()) {
        auto defined = define(uses, capability, state.run_id(), environment, started);
        if (!defined) return defined;
      }
    }
  }
  for (const auto& integration : integrations_) {
    if (auto consent = integration->set_up(); !consent) return consent;
  }
  return bind(workflow);
}

ipc::Result<void> Capabilities::bind(const Workflow& workflow) const {
  std::vector<std::string> available;
  for (const auto& integration : integrations_) available.push_back(integration->uses());
  for (const Step& step : workflow.steps) {
    if (step.type != StepType::integration) continue;
    const std::string who = "Step '" + step.id_text() + "': ";
    if (!step.uses || step.uses->empty()) {
      return ipc::plain_error(who +
                              "no integration declared. Every regular step must define "
                              "'uses'.");
    }
    if (std::find(available.begin(), available.end(), *step.uses) == available.end()) {
      return ipc::plain_error(who + "integration '" + *step.uses +
                              "' is not registered. Available: " + repr(available));
    }
  }
  return {};
}

Integration* Capabilities::find(const std::string& uses) {
  for (const auto& integration : integrations_) {
    if (integration->uses() == uses) return integration.get();
  }
  return nullptr;
}

bool Capabilities::own(pid_t pid) const {
  return std::any_of(integrations_.begin(), integrations_.end(),
                     [pid](const auto& integration) { return integration->owns(pid); });
}

void Capabilities::tear_down() {
  for (const auto& integration : integrations_) integration->tear_down();
  integrations_.clear();
}

std::string execute_params(const Step& step, const RunState& state,
                           const std::vector<ResolvedInput>& inputs) {
  Object outputs;
  for (const StepOutput& output : step.outputs) outputs.set(output.name, Value(output.type));
  Object sources;
  for (const StepInput& input : step.inputs) sources.set(input.name, input.source);
  Object declared;
  declared.set("id", step.id);
  declared.set("uses", step.uses ? Value(*step.uses) : Value());
  declared.set("with", Value(step.with));
  declared.set("outputs", Value(std::move(outputs)));
  declared.set("inputs", Value(std::move(sources)));
  std::string params = R"({"step":)" + dump(Value(std::move(declared)), kWire);
  const auto add = [&params](const char* name, const Value& value) {
    params += name;
    dump_to(params, value, kWire);
  };
  Object resolved;
  for (const ResolvedInput& input : inputs) resolved.set(*input.name, *input.value);
  add(R"(,"context":{"variables":)", Value(state.variables()));
  add(R"(,"outputs":)", Value(state.all_outputs()));
  add(R"(,"named_outputs":)", Value(state.named_outputs()));
  add(R"(,"inputs":)", Value(std::move(resolved)));
  return params + "}}";
}

}  // namespace charter::worker
