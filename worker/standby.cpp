#include "worker/standby.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <utility>
#include <variant>

#include "ipc/clean_world.h"
#include "ipc/standby.h"
#include "worker/integrations/bridge/program.h"
#include "worker/plan/paths.h"
#include "worker/spawn.h"

namespace charter::worker {
namespace {

constexpr std::string_view kPath = "PATH=";

bool make_pipe(ipc::UniqueFd& reading, ipc::UniqueFd& writing) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  reading.reset(ends[0]);
  writing.reset(ends[1]);
  return true;
}

std::vector<ipc::FileIdentity> identities_of(const PythonRuntime& runtime) {
  std::vector<ipc::FileIdentity> found{ipc::identify(runtime.interpreter)};
  for (const auto* directories : {&runtime.project, &runtime.toolchain}) {
    for (const std::string& directory : *directories) found.push_back(ipc::identify(directory));
  }
  return found;
}

}  // namespace

bool receive_run(int socket) {
  const auto run = ipc::receive_run(socket);
  return run && ::dup2(run->journal.get(), ipc::kJournalFd) >= 0 &&
         ::dup2(run->job.get(), ipc::kJobFd) >= 0;
}

bool pass_run(int socket) { return ipc::hand_run(socket, ipc::kJournalFd, ipc::kJobFd); }

// The project's programs first, as in a run.
std::vector<std::string> bare_environment(const std::string& interpreter) {
  std::vector<std::string> environment = ipc::clean_environment();
  const std::string first = std::string(kPath) + parent(interpreter);
  for (std::string& entry : environment) {
    if (!entry.starts_with(kPath)) continue;
    if (!entry.starts_with(first)) entry = first + ":" + entry.substr(kPath.size());
    return environment;
  }
  environment.push_back(first);
  return environment;
}

std::unique_ptr<WarmPython> WarmPython::start() {
  std::array<char, PATH_MAX> here{};
  if (::getcwd(here.data(), here.size()) == nullptr) return nullptr;
  Files files;
  auto runtime = find_python_runtime(files, here.data());
  if (!runtime) return nullptr;
  auto warm = std::make_unique<WarmPython>();
  warm->runtime = std::move(*runtime);
  warm->packages = identities_of(warm->runtime);
  ipc::UniqueFd input;
  ipc::UniqueFd output;
  if (!make_pipe(input, warm->requests) || !make_pipe(warm->answers, output)) return nullptr;
  SpawnRequest request;
  request.candidates = {warm->runtime.interpreter};
  request.arguments = bridge_command(warm->runtime.interpreter);
  request.arguments.insert(request.arguments.end(), warm->runtime.toolchain.begin(),
                           warm->runtime.toolchain.end());
  request.environment = bare_environment(warm->runtime.interpreter);
  request.input = input.get();
  request.output = output.get();
  request.errors = STDERR_FILENO;
  const auto spawned = spawn(request);
  if (!std::holds_alternative<pid_t>(spawned)) return nullptr;
  warm->pid = std::get<pid_t>(spawned);
  warm->process.reset(static_cast<int>(::syscall(SYS_pidfd_open, warm->pid, 0)));
  // The pipe takes all of it at once.
  const ssize_t put = ::write(warm->requests.get(), kBridgeProgram.data(), kBridgeProgram.size());
  const bool written = put == static_cast<ssize_t>(kBridgeProgram.size());
  return warm->process && written ? std::move(warm) : nullptr;
}

bool WarmPython::fits(const PythonRuntime& wanted) const {
  return wanted.interpreter == runtime.interpreter && wanted.toolchain == runtime.toolchain &&
         wanted.project == runtime.project && identities_of(wanted) == packages;
}

}  // namespace charter::worker
