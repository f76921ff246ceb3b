#include "worker/nursery.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <string_view>
#include <utility>

#include "ipc/clean_world.h"
#include "ipc/job.h"
#include "worker/endings.h"
#include "worker/integrations/bridge/program.h"
#include "worker/json/value.h"
#include "worker/plan/paths.h"
#include "worker/sandbox/confinement.h"
#include "worker/spawn.h"
#include "worker/standby.h"

namespace charter::worker {
namespace {

constexpr std::string_view kPath = "PATH=";
constexpr int kProgramFd = kStandbyFd + 1;  // this program, for the workers to come

// What the interpreter reads: see charter_bridge.py.
std::string input_of(const PythonRuntime& runtime) {
  Object settings;
  Array toolchain;
  for (const std::string& directory : runtime.toolchain) toolchain.emplace_back(directory);
  settings.set("toolchain", Value(std::move(toolchain)));
  settings.set("asked", Value::integer(kStandbyFd));
  settings.set("program", Value::integer(kProgramFd));
  settings.set("origin", Value(origin_of(runtime)));
  std::string input = std::string(kBridgeProgram) + dump(Value(std::move(settings))) + "\n";
  for (char** entry = environ; *entry != nullptr; ++entry) input.append(*entry).push_back('\0');
  return input;
}

int give_up(const std::string& reason) {
  log_line("nursery: " + reason);
  return kExitJob;
}

}  // namespace

std::vector<std::string> bare_environment(const std::string& interpreter) {
  std::vector<std::string> environment = ipc::clean_environment();
  set_private_tmp(environment);
  const std::string first = std::string(kPath) + parent(interpreter);
  for (std::string& entry : environment) {
    if (!entry.starts_with(kPath)) continue;
    if (!entry.starts_with(first)) entry = first + ":" + entry.substr(kPath.size());
    return environment;
  }
  environment.push_back(first);
  return environment;
}

int nursery_main() {
  std::array<char, PATH_MAX> here{};
  if (::getcwd(here.data(), here.size()) == nullptr) return give_up("no directory");
  Files files;
  const auto runtime = find_python_runtime(files, here.data());
  if (!runtime) return give_up(runtime.error().message());
  const auto arguments = bridge_command(runtime->interpreter, kNursery);
  const auto environment = bare_environment(runtime->interpreter);
  const auto input = ipc::memory_file(input_of(*runtime));
  if (!input) return give_up(input.error().message());
  const ipc::UniqueFd program(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC));
  if (!program || ::dup2(input->get(), STDIN_FILENO) < 0 || ::dup2(program.get(), kProgramFd) < 0) {
    return give_up(ipc::errno_error("place the descriptors").message());
  }
  (void)::setsid();
  ipc::restore_in_child(kProgramFd + 1);
  ::execve(runtime->interpreter.c_str(), pointers_to(arguments).data(),
           pointers_to(environment).data());
  return give_up(ipc::errno_error("execute " + runtime->interpreter).message());
}

}  // namespace charter::worker
