#include "client/dev_child.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <string_view>

#include "ipc/clean_world.h"

namespace charter::client {
namespace {

// What a service manager said is meant for `dev` itself. Options of the parts that are not given
// here still come from the environment.
std::vector<std::string> environment_of_parts() {
  std::vector<std::string> kept;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    const std::string_view name = variable.substr(0, variable.find('='));
    const bool ours = name.starts_with("CHARTER_");
    if (ours || !ipc::withheld(name)) kept.emplace_back(variable);
  }
  return kept;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (std::string& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

// Between fork and exec: nothing here allocates.
[[noreturn]] void become(char* const* arguments, char* const* environment, int output, pid_t group,
                         pid_t parent) {
  ::setpgid(0, group);
  ::dup2(output, STDOUT_FILENO);
  const int nothing = ::open("/dev/null", O_RDONLY);
  ::dup2(nothing, STDIN_FILENO);
  ipc::restore_in_child(STDERR_FILENO + 1);
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != parent) ::_exit(1);
  ::execve("/proc/self/exe", arguments, environment);
  ::_exit(127);
}

}  // namespace

DevChild::~DevChild() {
  if (!running()) return;
  signal(SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

Expected<void> DevChild::start(const std::vector<std::string>& arguments, bool heard, pid_t group) {
  std::vector<std::string> words{"charter-daemon"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_of_parts();
  const std::vector<char*> argv = pointers(words);
  const std::vector<char*> environment = pointers(variables);
  int ends[2] = {-1, -1};
  if (heard && ::pipe2(ends, O_CLOEXEC) != 0) {
    return Failure(kExitRunFailed, std::string("pipe: ") + std::strerror(errno));
  }
  output_.reset(ends[0]);
  if (heard) ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  const ipc::UniqueFd written(heard ? ends[1] : ::open("/dev/null", O_WRONLY | O_CLOEXEC));
  const pid_t parent = ::getpid();
  status_.reset();
  pid_ = ::fork();
  if (pid_ == 0) become(argv.data(), environment.data(), written.get(), group, parent);
  if (pid_ < 0) return Failure(kExitRunFailed, std::string("fork: ") + std::strerror(errno));
  return {};
}

bool DevChild::running() {
  if (pid_ <= 0 || status_) return false;
  int status = 0;
  if (::waitpid(pid_, &status, WNOHANG) != pid_) return true;
  status_ = status;
  return false;
}

void DevChild::signal(int number) const {
  if (pid_ > 0 && !status_) ::kill(pid_, number);
}

std::string DevChild::ending() const {
  const int status = status_.value_or(0);
  if (!WIFSIGNALED(status)) return "exited with code " + std::to_string(WEXITSTATUS(status));
  const int number = WTERMSIG(status);
  return "was ended by signal " + std::to_string(number) + " (" + ::strsignal(number) + ")";
}

}  // namespace charter::client
