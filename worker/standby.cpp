#include "worker/standby.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <utility>

#include "ipc/prepare.h"
#include "ipc/standby.h"

namespace charter::worker {

bool receive_run(int socket) {
  const auto run = ipc::receive_run(socket);
  return run && ::dup2(run->journal.get(), ipc::kJournalFd) >= 0 &&
         ::dup2(run->job.get(), ipc::kJobFd) >= 0;
}

bool pass_run(int socket) { return ipc::hand_run(socket, ipc::kJournalFd, ipc::kJobFd); }

std::string origin_of(const PythonRuntime& runtime) {
  std::string text;
  const auto add = [&text](const std::string& path) {
    const ipc::FileIdentity is = ipc::identify(path);
    text += path + "|" + std::to_string(is.device) + "|" + std::to_string(is.inode) + "|" +
            std::to_string(is.mtime_ns) + "|" + std::to_string(is.size) + "\n";
  };
  add(runtime.interpreter);
  for (const auto* directories : {&runtime.project, &runtime.toolchain}) {
    text += "--\n";
    for (const std::string& directory : *directories) add(directory);
  }
  return text;
}

std::string origin_here() {
  std::array<char, PATH_MAX> here{};
  if (::getcwd(here.data(), here.size()) == nullptr) return {};
  Files files;
  const auto runtime = find_python_runtime(files, here.data());
  return runtime ? origin_of(*runtime) : std::string();
}

std::unique_ptr<WarmPython> WarmPython::inherited(pid_t pid, std::string origin) {
  auto warm = std::make_unique<WarmPython>();
  warm->pid = pid;
  warm->process.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  warm->requests.reset(kInterpreterInFd);
  warm->answers.reset(kInterpreterOutFd);
  warm->origin = std::move(origin);
  for (const int descriptor : {kInterpreterInFd, kInterpreterOutFd}) {
    if (::fcntl(descriptor, F_SETFD, FD_CLOEXEC) != 0) return nullptr;
  }
  return warm->process ? std::move(warm) : nullptr;
}

}  // namespace charter::worker
