#include "worker/plan/catalogue.h"

#include "worker/json/value.h"
#include "worker/plan/manifest.h"
#include "worker/plan/paths.h"

namespace charter::worker {
namespace {

constexpr std::string_view kPlanFile = "plan.yml";
// People choose from a list; what is larger is no list for people.
constexpr std::size_t kMostWorkflows = 1000;
constexpr std::size_t kMostListBytes = 4U << 20;

Value describe(const Manifest& manifest) {
  Array inputs;
  for (const DeclaredInput& input : manifest.inputs) {
    Object one;
    one.set("name", Value(input.name));
    one.set("type", Value(input.type));
    one.set("description", Value(input.description));
    one.set("required", Value(input.required));
    if (input.has_default) one.set("default", input.fallback);
    inputs.push_back(Value(std::move(one)));
  }
  Object out;
  out.set("id", Value(manifest.id));
  out.set("name", Value(manifest.name));
  out.set("description", Value(manifest.description));
  out.set("inputs", Value(std::move(inputs)));
  return Value(std::move(out));
}

Value broken(const std::string& folder, const std::string& why) {
  Object out;
  out.set("folder", Value(folder));
  out.set("error", Value(why));
  return Value(std::move(out));
}

}  // namespace

Outcome<std::string> describe_workflows(Files& files, const std::string& root) {
  const std::string workflows = join(root, "workflows");
  Array all;
  for (const std::string& name : files.list(workflows)) {
    const std::string plan = join(join(workflows, name), kPlanFile);
    if (!files.is_file(plan)) continue;
    const auto resolved = resolve(plan, root);
    if (!resolved || !is_inside(resolved->path, workflows)) continue;
    Manifest manifest;
    const Fault fault = load_manifest(files, resolved->path, manifest);
    all.push_back(fault ? broken(name, fault->text) : describe(manifest));
    if (all.size() > kMostWorkflows) return internal("there are too many workflows to list");
  }
  std::string out = dump(Value(std::move(all)), kWire);
  if (out.size() > kMostListBytes) return internal("the list of workflows is too long");
  return out;
}

}  // namespace charter::worker
