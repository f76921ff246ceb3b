#include "supervisor/spawn.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>

#include "ipc/clean_world.h"
#include "ipc/held_signals.h"

namespace charter::supervisor {
namespace {

constexpr int kMaxDescriptors = 8;
constexpr int kNotExecuted = 127;

// What the child needs, prepared by the parent. `stage` and `error` travel back through the shared
// memory.
struct Plan {
  int program = -1;
  int count = 0;
  int descriptors[kMaxDescriptors] = {};
  char* const* arguments = nullptr;
  char* const* environment = nullptr;
  const char* directory = nullptr;
  const char* volatile stage = nullptr;
  volatile int error = 0;
};

[[noreturn]] void give_up(Plan& plan, const char* stage) {
  plan.error = errno;
  plan.stage = stage;
  ::_exit(kNotExecuted);
}

// Runs in the child. A source may sit on another's target, so all are moved out of the way first.
[[noreturn]] void become(Plan& plan) {
  int moved[kMaxDescriptors];
  for (int i = 0; i < plan.count; ++i) {
    moved[i] = ::fcntl(plan.descriptors[i], F_DUPFD_CLOEXEC, kMaxDescriptors + 1);
    if (moved[i] < 0) give_up(plan, "duplicate a descriptor");
  }
  const int program = ::fcntl(plan.program, F_DUPFD_CLOEXEC, kMaxDescriptors + 1);
  if (program < 0) give_up(plan, "duplicate a descriptor");
  for (int i = 0; i < plan.count; ++i) {
    if (::dup2(moved[i], i) < 0) give_up(plan, "place a descriptor");
  }
  if (::dup3(program, plan.count, O_CLOEXEC) < 0) give_up(plan, "place a descriptor");
  ipc::restore_in_child(plan.count + 1);
  if (plan.directory != nullptr && ::chdir(plan.directory) != 0) {
    give_up(plan, kEnterDirectory);
  }
  ::syscall(SYS_execveat, plan.count, "", plan.arguments, plan.environment, AT_EMPTY_PATH);
  give_up(plan, "execute the worker");
}

[[gnu::noinline]] pid_t fork_and_become(Plan& plan) {
  const pid_t pid = ::vfork();  // NOLINT(clang-analyzer-security.insecureAPI.vfork)
  if (pid == 0) become(plan);
  return pid;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> result;
  result.reserve(texts.size() + 1);
  for (const std::string& text : texts) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

ipc::UniqueFd open_pidfd(pid_t pid) {
  return ipc::UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}

}  // namespace

ipc::Result<SpawnedProcess> spawn(const SpawnSpec& spec) {
  const std::vector<char*> arguments = pointers(spec.arguments);
  const std::vector<char*> environment = pointers(*spec.environment);
  Plan plan;
  plan.program = spec.program;
  plan.arguments = arguments.data();
  plan.environment = environment.data();
  plan.directory = spec.directory;
  for (const int descriptor : spec.descriptors) {
    if (plan.count == kMaxDescriptors) return ipc::plain_error("too many descriptors for a child");
    plan.descriptors[plan.count++] = descriptor;
  }

  // No handler of ours may run in the child while it shares our memory.
  pid_t pid = -1;
  {
    const ipc::HeldSignals none;
    pid = fork_and_become(plan);
    if (pid < 0) return ipc::errno_error("fork");
  }
  if (plan.stage != nullptr) {
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    errno = plan.error;
    return ipc::errno_error(plan.stage);
  }
  SpawnedProcess process{pid, open_pidfd(pid)};
  if (!process.pidfd) {
    // Without a pidfd its end could not be noticed.
    const ipc::Error error = ipc::errno_error("open a pidfd");
    ::kill(pid, SIGKILL);  // our own child, not yet waited for: the pid is surely its
    while (::waitpid(pid, nullptr, 0) < 0 && errno == EINTR) {
    }
    return error;
  }
  return process;
}

}  // namespace charter::supervisor
