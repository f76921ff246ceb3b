#include "worker/plan/hand_off.h"

#include "worker/json/python.h"
#include "worker/plan/manifest.h"
#include "worker/plan/paths.h"
#include "worker/plan/plan.h"
#include "worker/plan/project.h"
#include "worker/plan/requirements.h"
#include "worker/plan/runtime.h"

namespace charter::worker {
namespace {

using Failed = std::optional<Failure>;

Failed check_id(Files& files, const std::string& plan_path, const std::string& requested) {
  const auto id = handed_off_id(files, plan_path);
  if (!id) return id.error();
  if (id->id == requested) return std::nullopt;
  return internal("workflow_id mismatch: request=" + repr(std::string_view(requested)) +
                  " manifest=" + repr(std::string_view(id->id)));
}

Outcome<Workflow> load_workflow(Files& files, const HandOff& request, const std::string& path) {
  if (request.snapshot != nullptr) {
    auto workflow = workflow_from_snapshot(*request.snapshot);
    if (!workflow) return Failure(code::kInvalidInput, workflow.error().what);
    return std::move(*workflow);
  }
  const auto text = files.read(path);
  if (!text) return text.error();
  return parse_plan(*text, request.workflow_id);
}

// What the run would trip over before its first step, because its state could not be written.
Failed check_state(const PreparedRun& run) {
  if (!truthy(run.workflow.workflow)) {
    return internal("workflow_id is required when the workflow definition has no embedded id");
  }
  if (auto fault = json_fault(run.snapshot)) return internal(*fault);
  return std::nullopt;
}

// A driver is bound to see whether it can be; the run binds it again.
Failed check_storage(Files& files, PreparedRun& run, const OpenProbe& open_probe) {
  StorageDriver driver;
  if (Fault fault = storage_driver(files, run.project_root, driver)) return internal(fault->text);
  if (driver.is_file()) return std::nullopt;
  run.has_driver = true;
  auto runtime = find_python_runtime(files, run.project_root);
  if (!runtime) return internal(runtime.error().what);
  if (!open_probe) return std::nullopt;
  files.forget_soon();
  const auto bound = open_probe(std::move(*runtime), driver)->bind();
  if (bound) return std::nullopt;
  return internal(without_expanded(bound.error().message(), driver));
}

// Only what uses Python, or packages, needs the project's environment. One hands a workflow off
// without pyproject.toml being read, so one that cannot be read requires nothing.
Failed check_runtime(Files& files, const PreparedRun& run) {
  std::vector<std::string> requirements;
  if (load_requirements(files, run.project_root, requirements)) requirements.clear();
  if (requirements.empty() && !needs_python(run.capabilities)) return std::nullopt;
  const auto runtime = find_python_runtime(files, run.project_root);
  return runtime ? Failed() : internal(runtime.error().what);
}

}  // namespace

Outcome<PreparedRun> check_hand_off(Files& files, HandOff request, const OpenProbe& open_probe) {
  const auto plan = resolve(request.workflow_path, request.project_root);
  if (!plan) return plan.error();
  PreparedRun run;
  run.workflow_path = plan->path;
  files.watch(join(request.project_root, request.workflow_path));
  if (!is_inside(run.workflow_path, request.project_root)) {
    return internal("Workflow path '" + run.workflow_path + "' is outside daemon project '" +
                    request.project_root + "'");
  }
  if (auto failed = check_id(files, run.workflow_path, request.workflow_id)) {
    return std::move(*failed);
  }
  auto workflow = load_workflow(files, request, run.workflow_path);
  if (!workflow) return workflow.error();
  run.workflow = std::move(*workflow);
  run.project_root = nearest_project(files, run.workflow_path);
  if (run.project_root.empty()) return internal("workflow must belong to a Charter project");
  run.variables = std::move(request.variables);
  run.capabilities = std::move(request.capabilities);
  run.snapshot = snapshot_of(run.workflow);
  if (auto failed = check_runtime(files, run)) return std::move(*failed);
  if (auto failed = check_storage(files, run, open_probe)) return std::move(*failed);
  if (auto failed = check_state(run)) return std::move(*failed);
  return run;
}

}  // namespace charter::worker
