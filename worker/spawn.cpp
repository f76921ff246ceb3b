#include "worker/spawn.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>

#include "ipc/clean_world.h"
#include "ipc/unique_fd.h"
#include "worker/json/python.h"
#include "worker/sandbox/confinement.h"

namespace charter::worker {
namespace {

constexpr std::size_t kStackBytes = 64UL * 1024;
constexpr int kFailedToExec = 127;
alignas(64) std::array<std::byte, kStackBytes> g_stack;  // touched by one child at a time

StepLimits g_limits;

// What the kernel goes by when memory runs out. Behind Landlock a process may not write its own,
// so a child inherits it, from a file that its parent has had open since before.
struct OomScores {
  ipc::UniqueFd file;
  std::string own;
  std::string childrens;  // empty: as its own
};
OomScores g_oom;

// Where it is refused, the limit itself still holds.
void put_oom_score(int file, const std::string& score) {
  [[maybe_unused]] const ssize_t put = ::write(file, score.data(), score.size());
}

void learn_oom_scores(int above) {
  constexpr int kMostScore = 1000;
  g_oom = {};
  if (above <= 0) return;
  g_oom.file.reset(::open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC));
  std::array<char, 16> text{};
  const ssize_t got = g_oom.file ? ::read(g_oom.file.get(), text.data(), text.size()) : 0;
  if (got <= 0) return;
  int own = 0;
  (void)std::from_chars(text.data(), text.data() + got, own);
  g_oom.own = std::to_string(own);
  g_oom.childrens = std::to_string(std::min(own + above, kMostScore));
}

__attribute__((no_sanitize("address", "undefined"))) void take_limits() {
  if (g_limits.data_bytes == 0) return;
  const rlimit limit{g_limits.data_bytes, g_limits.data_bytes};
  (void)::setrlimit(RLIMIT_DATA, &limit);
}

// Everything the child needs, made before it exists: it may not allocate.
struct Plan {
  std::vector<const char*> candidates;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  int input = -1;
  int output = -1;
  int errors = -1;
  const Confinement* confinement = nullptr;
  volatile bool failed = false;
  volatile SpawnFailure::Stage stage = SpawnFailure::Stage::fork;
  volatile int code = 0;
};

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
  if (plan.confinement != nullptr) {
    if (const int code = plan.confinement->enter(); code != 0) {
      fail(plan, SpawnFailure::Stage::sandbox, code);
    }
  }
  ipc::restore_in_child(STDERR_FILENO + 1);
  take_limits();
  if (plan.confinement != nullptr) {
    if (const int code = plan.confinement->finish(); code != 0) {
      fail(plan, SpawnFailure::Stage::sandbox, code);
    }
  }
  int first = 0;
  for (const char* const* candidate = plan.candidates.data(); *candidate != nullptr; ++candidate) {
    ::execve(*candidate, plan.arguments.data(), plan.environment.data());
    if (errno != ENOENT && errno != ENOTDIR && first == 0) first = errno;
  }
  fail(plan, SpawnFailure::Stage::exec, first != 0 ? first : errno);
}

pid_t begin(Plan& plan) {
  const bool likelier = !g_oom.childrens.empty();
  if (likelier) put_oom_score(g_oom.file.get(), g_oom.childrens);
  const pid_t child =
      ::clone(&become, g_stack.data() + g_stack.size(), CLONE_VM | CLONE_VFORK | SIGCHLD, &plan);
  const int code = errno;
  if (likelier) put_oom_score(g_oom.file.get(), g_oom.own);
  errno = code;
  return child;
}

}  // namespace

std::vector<char*> pointers_to(const std::vector<std::string>& texts) {
  std::vector<char*> pointers;
  pointers.reserve(texts.size() + 1);
  for (const std::string& text : texts) pointers.push_back(const_cast<char*>(text.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

bool make_pipe(ipc::UniqueFd& reading, ipc::UniqueFd& writing) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return false;
  reading.reset(ends[0]);
  writing.reset(ends[1]);
  return true;
}

std::variant<pid_t, SpawnFailure> spawn(const SpawnRequest& request) {
  Plan plan;
  for (const std::string& path : request.candidates) plan.candidates.push_back(path.c_str());
  plan.candidates.push_back(nullptr);
  plan.arguments = pointers_to(request.arguments);
  plan.environment = pointers_to(request.environment);
  plan.input = request.input;
  plan.output = request.output;
  plan.errors = request.errors;
  plan.confinement = children_confinement();
  const pid_t child = begin(plan);
  if (child < 0) return SpawnFailure{SpawnFailure::Stage::fork, errno};
  // A failed child is reaped like any other that ends.
  if (plan.failed) return SpawnFailure{plan.stage, plan.code};
  return child;
}

void limit_steps(const StepLimits& limits, pid_t also) {
  g_limits = limits;
  learn_oom_scores(limits.oom_score);
  if (also <= 0) return;
  if (!g_oom.childrens.empty()) {
    const std::string path = "/proc/" + std::to_string(also) + "/oom_score_adj";
    const ipc::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (file) put_oom_score(file.get(), g_oom.childrens);
  }
  if (limits.data_bytes == 0) return;
  const rlimit limit{limits.data_bytes, limits.data_bytes};
  (void)::prlimit(also, RLIMIT_DATA, &limit, nullptr);
}

std::string describe(const SpawnFailure& failure, std::string_view program) {
  const char* text = ::strerrordesc_np(failure.code);
  std::string out =
      "[Errno " + std::to_string(failure.code) + "] " + (text == nullptr ? "Unknown error" : text);
  if (failure.stage == SpawnFailure::Stage::sandbox) out += " (on entering the sandbox)";
  if (failure.stage == SpawnFailure::Stage::exec) out += ": " + repr(program);
  return out;
}

}  // namespace charter::worker
