#include "supervisor/doctor/brief_command.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "ipc/unique_fd.h"
#include "supervisor/doctor/probe_net.h"

extern char** environ;

namespace charter::supervisor {
namespace {

constexpr std::size_t kMostOutput = 4096;

// Up to the end of the output or the deadline.
bool read_all_of(int pipe, std::string& output, const Deadline& deadline) {
  std::array<char, 512> buffer{};
  for (;;) {
    pollfd one{.fd = pipe, .events = POLLIN, .revents = 0};
    const int count = ::poll(&one, 1, deadline.left());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    const ssize_t got = ::read(pipe, buffer.data(), buffer.size());
    if (got == 0) return true;
    if (got < 0) return false;
    if (output.size() < kMostOutput) output.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

ipc::Result<std::string> first_line_of(const std::vector<std::string>& argv,
                                       std::chrono::milliseconds limit) {
  const Deadline deadline(limit);
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return ipc::errno_error("pipe");
  const ipc::UniqueFd from(ends[0]);
  ipc::UniqueFd to(ends[1]);
  std::vector<char*> arguments;
  for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, to.get(), STDOUT_FILENO);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t pid = -1;
  const int code = ::posix_spawn(&pid, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  errno = code;
  if (code != 0) return ipc::errno_error("execute " + argv[0]);
  to.reset();
  std::string output;
  const bool ended = read_all_of(from.get(), output, deadline);
  if (!ended) ::kill(pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (!ended) return ipc::plain_error(argv[0] + " has not ended in time");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    return ipc::plain_error(argv[0] + " has failed");
  }
  return output.substr(0, output.find('\n'));
}

}  // namespace charter::supervisor
