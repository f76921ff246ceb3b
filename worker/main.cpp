// charter-worker: what charter-daemon starts to prepare a run, to execute it, and to write down
// its end. Not for people.
#include <cstdio>
#include <string>
#include <string_view>

#include "ipc/clean_world.h"
#include "ipc/versions.h"
#include "worker/endings.h"
#include "worker/guardian.h"
#include "worker/integrations/secret_inquiry.h"
#include "worker/job_file.h"
#include "worker/plan/prepare.h"
#include "worker/project.h"

namespace {

using charter::worker::kExitUsage;

int print_versions() {
  std::string text = "charter-worker " + std::string(charter::ipc::product_version()) + "\n";
  for (const auto& format : charter::ipc::format_versions()) {
    text += std::string(format.name) + " " + std::to_string(format.version) + "\n";
  }
  return std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0 ? 1 : 0;
}

int refuse() {
  (void)std::fputs(
      "charter-worker is started by charter-daemon and is of no use by hand.\n"
      "To run a workflow: charter-daemon run WORKFLOW\n",
      stderr);
  return kExitUsage;
}

}  // namespace

int main(int argc, char** argv) {
  charter::ipc::remember_world();
  const std::string_view mode = argc == 2 ? argv[1] : "";
  if (mode == "--version") return print_versions();
  if (mode == "prepare") return charter::worker::prepare_main(charter::worker::open_inquiry);
  if (mode == "standby") return charter::worker::standby_main();
  if (mode != "run" && mode != "project") return refuse();
  if (!charter::worker::has_descriptors()) return refuse();
  return mode == "run" ? charter::worker::run_main() : charter::worker::project_main();
}
