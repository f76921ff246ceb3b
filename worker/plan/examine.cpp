#include "worker/plan/examine.h"

#include <cstddef>
#include <cstdio>

#include "worker/plan/files.h"
#include "worker/plan/manifest.h"
#include "worker/plan/paths.h"
#include "worker/plan/project.h"

namespace charter::worker {
namespace {

std::string verdict_on(const std::string& root) {
  Files files;
  Project project;
  if (const Fault fault = load_project(files, root, project)) return "project " + fault->text;
  const std::string workflows = join(root, "workflows");
  std::size_t count = 0;
  std::string broken;
  for (const std::string& name : files.list(workflows)) {
    const std::string plan = join(join(workflows, name), "plan.yml");
    if (!files.is_file(plan)) continue;
    ++count;
    Manifest manifest;
    const Fault fault = load_manifest(files, plan, manifest);
    if (fault && broken.empty()) broken = name + ": " + fault->text;
  }
  const std::string number = std::to_string(count);
  return broken.empty() ? "workflows " + number : "broken " + number + " " + broken;
}

}  // namespace

int examine_main(const std::string& root) {
  std::string line = verdict_on(root);
  for (char& one : line) {
    if (one == '\n') one = ' ';
  }
  line.push_back('\n');
  return std::fputs(line.c_str(), stdout) < 0 || std::fflush(stdout) != 0 ? 1 : 0;
}

}  // namespace charter::worker
