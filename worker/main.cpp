// charter-worker: what charter-daemon starts to prepare a run, to execute it, and to write down
// its end. Not for people.
#include <sys/types.h>

#include <charconv>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "ipc/clean_world.h"
#include "ipc/versions.h"
#include "worker/endings.h"
#include "worker/engine.h"
#include "worker/guardian.h"
#include "worker/integrations/driver_inquiry.h"
#include "worker/integrations/secret_inquiry.h"
#include "worker/job_file.h"
#include "worker/nursery.h"
#include "worker/plan/examine.h"
#include "worker/plan/prepare.h"
#include "worker/project.h"
#include "worker/sandbox/probe.h"
#include "worker/sandbox/scratch.h"
#include "worker/seed.h"

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

pid_t pid_of(std::string_view text) {
  pid_t pid = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), pid);
  return parsed.ec == std::errc() && parsed.ptr == text.data() + text.size() ? pid : 0;
}

// What the nursery starts.
std::optional<int> stand_by(std::span<char*> arguments) {
  const std::string_view mode = arguments.size() > 1 ? arguments[1] : "";
  if (mode == "standby" && arguments.size() == 4) {
    return charter::worker::standby_main(pid_of(arguments[2]), arguments[3]);
  }
  if (mode == "standby-engine" && arguments.size() == 5) {
    return charter::worker::standby_engine_main(pid_of(arguments[2]), pid_of(arguments[3]),
                                                arguments[4]);
  }
  return std::nullopt;
}

}  // namespace

int main(int argc, char** argv) {
  charter::ipc::remember_world();
  if (const auto code = stand_by({argv, static_cast<std::size_t>(argc)})) return *code;
  if (argc == 3 && std::string_view(argv[1]) == "examine") {
    return charter::worker::examine_main(argv[2]);
  }
  const std::string_view mode = argc == 2 ? argv[1] : "";
  if (mode == "--version") return print_versions();
  if (mode == "prepare") {
    return charter::worker::prepare_main(charter::worker::inquiries_for,
                                         charter::worker::probes_for, charter::worker::read_seed);
  }
  if (mode == "nursery") return charter::worker::nursery_main();
  if (mode == "sandbox") return charter::worker::probe_main();
  if (mode == "clear") return charter::worker::clear_main();
  if (mode != "run" && mode != "project") return refuse();
  if (!charter::worker::has_descriptors()) return refuse();
  return mode == "run" ? charter::worker::run_main() : charter::worker::project_main();
}
