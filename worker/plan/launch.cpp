#include "worker/plan/launch.h"

#include "worker/plan/capabilities.h"
#include "worker/plan/discovery.h"
#include "worker/plan/launch_inputs.h"
#include "worker/plan/paths.h"
#include "worker/plan/plan.h"
#include "worker/plan/project.h"
#include "worker/plan/requirements.h"
#include "worker/plan/runtime.h"
#include "worker/plan/secrets.h"

namespace charter::worker {
namespace {

using Failed = std::optional<Failure>;

Failed open_project(Files& files, const std::string& requested, Project& project) {
  const auto root = resolve(requested, requested);
  if (!root) return root.error();
  if (nearest_project(files, root->path) != root->path) {
    return Failure(code::kProjectNotFound, "No charter.yml found in " + root->path);
  }
  if (Fault fault = load_project(files, root->path, project)) {
    return failure_of(*fault, code::kProjectNotFound);
  }
  return std::nullopt;
}

// What `charter install` makes is needed by a project that requires packages, before anything else
// is looked at, and by what turns out to use Python.
Failed check_runtime(Files& files, const Project& project, const std::string& plan_path,
                     bool needed) {
  if (!needed) return std::nullopt;
  if (Fault fault = check_installed(files, project.root, plan_path, project.requirements)) {
    return failure_of(*fault, code::kRuntimeUnavailable);
  }
  const auto runtime = find_python_runtime(files, project.root);
  if (!runtime) return Failure(code::kRuntimeUnavailable, runtime.error().what);
  return std::nullopt;
}

// For launches without secrets of backends, and where none can be asked.
class NoBackends : public SecretBackends {
 public:
  ipc::Result<SecretAnswer> ask(const SecretQuestion&) override {
    return ipc::plain_error("secret backends cannot be asked here");
  }
};

// Secrets can change at any moment, so that a launch that asked for them is judged each time anew.
Failed check_secrets(Files& files, const LaunchRequest& request, const Project& project,
                     const std::string& workflow, const Object& capabilities) {
  NoBackends none;
  std::unique_ptr<SecretBackends> backends;
  if (needs_backends(capabilities) && request.open_backends) {
    files.forget_soon();
    auto runtime = find_python_runtime(files, project.root);
    if (runtime) backends = request.open_backends(std::move(*runtime), project.root);
  }
  return preflight_secrets(workflow, capabilities, backends ? *backends : none);
}

Outcome<Workflow> load_plan(Files& files, const Manifest& manifest) {
  const auto text = files.read(manifest.plan_path);
  if (!text) return text.error();
  auto workflow = parse_plan(*text, manifest.id);
  if (workflow) return workflow;
  if (workflow.error().code != code::kInvalidInput) {
    return Failure(workflow.error().code, naming(manifest.plan_path, workflow.error().text));
  }
  return Failure(workflow.error().code, manifest.plan_path + ": " + workflow.error().text);
}

}  // namespace

Outcome<HandOff> prepare_launch(Files& files, const LaunchRequest& request, Value& snapshot) {
  Project project;
  if (auto failed = open_project(files, request.project_root, project)) return std::move(*failed);
  Manifest manifest;
  if (Fault fault = find_workflow(files, project.root, request.workflow_id, manifest)) {
    return failure_of(*fault, code::kUnknownWorkflow);
  }
  const bool packages = !project.requirements.empty();
  if (auto failed = check_runtime(files, project, manifest.plan_path, packages)) {
    return std::move(*failed);
  }
  auto workflow = load_plan(files, manifest);
  if (!workflow) return workflow.error();
  overlay_configurations(*workflow, project);
  auto variables = launch_variables(manifest, request.variables, request.text_variables);
  if (!variables) return variables.error();
  auto capabilities = resolve_capabilities(files, *workflow, project, manifest.plan_path);
  if (!capabilities) return capabilities.error();
  const bool python = !packages && needs_python(*capabilities);
  if (auto failed = check_runtime(files, project, manifest.plan_path, python)) {
    return std::move(*failed);
  }
  if (auto failed = check_secrets(files, request, project, manifest.id, *capabilities)) {
    return std::move(*failed);
  }
  snapshot = snapshot_of(*workflow);
  return HandOff{project.root, manifest.id,           manifest.plan_path,
                 &snapshot,    std::move(*variables), std::move(*capabilities)};
}

}  // namespace charter::worker
