#include "worker/spawn.h"

#include <sched.h>
#include <string.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include "ipc/clean_world.h"
#include "worker/json/python.h"

namespace charter::worker {
namespace {

constexpr std::size_t kStackBytes = 64UL * 1024;
constexpr int kFailedToExec = 127;
alignas(64) std::array<std::byte, kStackBytes> g_stack;  // touched by one child at a time

// Everything the child needs, made before it exists: it may not allocate.
struct Plan {
  std::vector<const char*> candidates;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int input = -1;
  int output = -1;
  int errors = -1;
  volatile bool failed = false;
  volatile SpawnFailure::Stage stage = SpawnFailure::Stage::fork;
  volatile int code = 0;
};

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

[[noreturn]] __attribute__((no_sanitize("address", "undefined"))) void fail(
    Plan& plan, SpawnFailure::Stage stage, int code) {
  plan.stage = stage;
  plan.code = code;
  plan.failed = true;
  ::_exit(kFailedToExec);
}

// The first error that does not just say that there is no such file counts, else the last.
__attribute__((no_sanitize("address", "undefined"))) int become(void* argument) {
  Plan& plan = *static_cast<Plan*>(argument);
  if (::setsid() < 0) fail(plan, SpawnFailure::Stage::session, errno);
  if (plan.input >= 0 && ::dup2(plan.input, STDIN_FILENO) < 0) {
    fail(plan, SpawnFailure::Stage::descriptors, errno);
  }
  if (::dup2(plan.output, STDOUT_FILENO) < 0 || ::dup2(plan.errors, STDERR_FILENO) < 0) {
    fail(plan, SpawnFailure::Stage::descriptors, errno);
  }
  ipc::restore_in_child(STDERR_FILENO + 1);
  int first = 0;
  for (const char* const* candidate = plan.candidates.data(); *candidate != nullptr; ++candidate) {
    ::execve(*candidate, plan.arguments.data(), plan.environment.data());
    if (errno != ENOENT && errno != ENOTDIR && first == 0) first = errno;
  }
  fail(plan, SpawnFailure::Stage::exec, first != 0 ? first : errno);
}

}  // namespace

std::variant<pid_t, SpawnFailure> spawn(const SpawnRequest& request) {
  Plan plan;
  for (const std::string& path : request.candidates) plan.candidates.push_back(path.c_str());
  plan.candidates.push_back(nullptr);
  plan.arguments = pointers_to(request.arguments);
  plan.environment = pointers_to(request.environment);
  plan.input = request.input;
  plan.output = request.output;
  plan.errors = request.errors;
  const pid_t child =
      ::clone(&become, g_stack.data() + g_stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &plan);
  if (child < 0) return SpawnFailure{SpawnFailure::Stage::fork, errno};
  // A failed child is reaped like any other that ends.
  if (plan.failed) return SpawnFailure{plan.stage, plan.code};
  return child;
}

std::string describe(const SpawnFailure& failure, std::string_view program) {
  const char* text = ::strerrordesc_np(failure.code);
  std::string out =
      "[Errno " + std::to_string(failure.code) + "] " + (text == nullptr ? "Unknown error" : text);
  if (failure.stage == SpawnFailure::Stage::exec) out += ": " + repr(program);
  return out;
}

}  // namespace charter::worker
