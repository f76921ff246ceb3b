#include "worker/integrations/capabilities.h"

#include <algorithm>
#include <utility>

#include "worker/integrations/command_integration.h"
#include "worker/integrations/python_integration.h"
#include "worker/json/python.h"
#include "worker/plan/paths.h"
#include "worker/plan/runtime.h"
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

constexpr std::size_t kMostForetold = 1 << 16;  // bytes

// What names the class of such a capability.
const char* member_of(const std::string& kind) { return kind == "python" ? "spec" : "name"; }

}  // namespace

// The run's own interpreter, which is started for this if need be.
class Capabilities::HostBackends : public SecretBackends {
 public:
  HostBackends(Capabilities& capabilities, const Making& making)
      : capabilities_(capabilities), making_(making) {}

  ipc::Result<SecretAnswer> ask(const SecretQuestion& question) override {
    auto host = capabilities_.host(making_);
    if (!host) return host.error();
    const auto& definition = (*host)->definition();
    auto result = (*host)->call("", "secret", secret_params(question, making_.project_root), kNever,
                                definition.limits.setup_ms);
    return result ? ipc::Result<SecretAnswer>(secret_answer(*result)) : result.error();
  }

 private:
  Capabilities& capabilities_;
  const Making& making_;
};

std::string capability_mark(const std::string& run_id, const std::string& uses) {
  return run_id + ":" + uses + ":0";
}

ipc::Result<void> Capabilities::define(const std::string& uses, const Value& capability,
                                       const Making& making) {
  static const Object kNone;
  const Object& fields = capability.is_object() ? capability.as_object() : kNone;
  if (fields.find("kind") == nullptr) return ipc::plain_error("'kind'");
  const Value& kind = get(fields, "kind");
  if (kind == Value("subprocess")) return define_command(uses, fields, making);
  if (kind == Value("python") || kind == Value("entry_point")) {
    return define_python(uses, fields, kind.as_string(), making);
  }
  return ipc::plain_error("Unsupported integration kind '" + str(kind) + "'");
}

ipc::Result<void> Capabilities::define_command(const std::string& uses, const Object& fields,
                                               const Making& making) {
  auto words = words_of(uses, get(fields, "command"));
  if (!words) return words.error();
  HostBackends backends(*this, making);
  auto variables = capability_variables(uses, fields, backends);
  if (!variables) return ipc::plain_error(variables.error().text);
  secrets_.insert(secrets_.end(), variables->secrets.begin(), variables->secrets.end());
  auto own =
      making.environment.for_capability(capability_mark(making.run_id, uses), variables->all);
  if (!own) return own.error();
  integrations_.push_back(std::make_unique<CommandIntegration>(
      uses,
      CommandIntegration::Definition{std::move(*words), std::move(*own), making.run_id, limits_,
                                     mask_, errors_},
      attention_, making.started));
  return {};
}

ipc::Result<void> Capabilities::define_python(const std::string& uses, const Object& fields,
                                              const std::string& kind, const Making& making) {
  const char* named = member_of(kind);
  if (fields.find(named) == nullptr) return ipc::plain_error("'" + std::string(named) + "'");
  HostBackends backends(*this, making);
  auto secrets = config_secrets(uses, fields, backends);
  if (!secrets) return ipc::plain_error(secrets.error().text);
  Object values;
  for (auto& [pointer, value] : *secrets) {
    secrets_.push_back(value);
    values.set(pointer, Value(std::move(value)));
  }
  auto interpreter = host(making);
  if (!interpreter) return interpreter.error();
  auto integration = std::make_unique<PythonIntegration>(
      uses, PythonIntegration::load_params(uses, fields, named, std::move(values)), **interpreter);
  auto loaded = integration->load(kNever);
  (*interpreter)->add(*integration);
  integrations_.push_back(std::move(integration));
  return loaded;
}

// The interpreter is started for the first that needs it.
ipc::Result<PythonHost*> Capabilities::host(const Making& making) {
  if (host_) return host_.get();
  Files files;
  auto runtime = find_python_runtime(files, making.project_root);
  if (!runtime) return runtime.error();
  auto own =
      making.environment.for_capability(capability_mark(making.run_id, PythonHost::name()), {});
  if (!own) return own.error();
  std::vector<std::string> search{making.project_root};
  if (!python_.workflow_path.empty()) search.push_back(parent(python_.workflow_path));
  if (python_.warm && !python_.warm->fits(*runtime)) python_.warm.reset();
  host_ = std::make_unique<PythonHost>(
      PythonHost::Definition{std::move(runtime->interpreter), std::move(runtime->toolchain),
                             std::move(search), std::move(*own), making.run_id, limits_, mask_,
                             errors_},
      attention_, reaper_, making.started);
  for (auto& [method, params] : std::exchange(foretold_, {})) {
    host_->foretell(std::move(method), std::move(params));
  }
  if (auto opened = host_->open(kNever, std::move(python_.warm)); !opened) return opened.error();
  return host_.get();
}

// Where all are Python and none needs a secret, there is nothing to decide between opening the
// interpreter and the last set-up.
void Capabilities::foretell(const Object& capabilities) {
  std::vector<std::pair<std::string, std::string>> all;
  std::size_t size = 0;
  for (const auto& [uses, capability] : capabilities) {
    if (!capability.is_object()) return;
    const Object& fields = capability.as_object();
    const Value& kind = get(fields, "kind");
    if (kind != Value("python") && kind != Value("entry_point")) return;
    const char* named = member_of(kind.as_string());
    if (fields.find(named) == nullptr || truthy(get(fields, "config_secret_refs"))) return;
    all.emplace_back("load", PythonIntegration::load_params(uses, fields, named, {}));
    size += all.back().second.size();
  }
  if (all.empty() || size > kMostForetold) return;
  all.emplace_back("depend", "{}");
  for (const auto& [uses, capability] : capabilities) {
    all.emplace_back("setup", PythonIntegration::own_params(uses));
  }
  foretold_ = std::move(all);
}

ipc::Result<PythonHost*> Capabilities::interpreter(const RunState& state,
                                                   const Environment& environment,
                                                   const Integration::Started& started) {
  const auto metadata = state.metadata();
  if (!metadata) return metadata.error();
  const std::string root =
      metadata->is_object() ? str(get(metadata->as_object(), "project_root")) : "";
  return host({state.run_id(), root, environment, started});
}

ipc::Result<void> Capabilities::set_up(const RunState& state, const Environment& environment,
                                       const Integration::Started& started) {
  const auto metadata = state.metadata();
  if (!metadata) return metadata.error();
  if (metadata->is_object()) {
    const Object& fields = metadata->as_object();
    const Making making{state.run_id(), str(get(fields, "project_root")), environment, started};
    const Value& capabilities = get(fields, "resolved_capabilities");
    if (capabilities.is_object()) {
      if (!host_) foretell(capabilities.as_object());
      for (const auto& [uses, capability] : capabilities.as_object()) {
        if (auto defined = define(uses, capability, making); !defined) return defined;
      }
    }
  }
  defined_ = true;
  if (host_) {
    if (auto done = host_->depend(kNever); !done) return done;
  }
  for (const auto& integration : integrations_) {
    if (auto consent = integration->set_up(); !consent) return consent;
  }
  return {};
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
    const auto used = std::find_if(
        integrations_.begin(), integrations_.end(),
        [&step](const auto& integration) { return integration->uses() == *step.uses; });
    if (used == integrations_.end()) {
      return ipc::plain_error(who + "integration '" + *step.uses +
                              "' is not registered. Available: " + repr(available));
    }
    if ((*used)->requires_outputs() && step.outputs.empty()) {
      return ipc::plain_error(who + "integration '" + *step.uses +
                              "' requires outputs to be declared.");
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
  if (host_ && host_->owns(pid)) return true;
  return std::any_of(integrations_.begin(), integrations_.end(),
                     [pid](const auto& integration) { return integration->owns(pid); });
}

// What was made when another could not be has not been set up and is not torn down.
void Capabilities::tear_down() {
  if (defined_) {
    for (const auto& integration : integrations_) integration->tear_down();
  }
  if (host_) host_->finish();
  integrations_.clear();
  host_.reset();
}

std::string execute_params(const Step& step, const RunState& state,
                           const std::vector<ResolvedInput>& inputs, const DumpStyle& style) {
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
  std::string params = R"({"step":)" + dump(Value(std::move(declared)), style);
  const auto add = [&params, &style](const char* name, const Value& value) {
    params += name;
    dump_to(params, value, style);
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
