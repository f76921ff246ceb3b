#include "worker/steps/shell.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string_view>
#include <utility>

#include "ipc/peer.h"
#include "worker/json/python.h"
#include "worker/limits.h"
#include "worker/steps/environment.h"
#include "worker/steps/outputs.h"

namespace charter::worker {
namespace {

constexpr const char* kDefaultShell = "/bin/sh";
constexpr std::int64_t kOwnEndMs = 200;
constexpr std::size_t kChunk = 64UL * 1024;

// As the reference counts: the exit code, or minus the signal.
int exit_code_of(int status) {
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

// By itself, or by the shell's account of its last command.
bool died_of_term(int exit_code) { return exit_code == -SIGTERM || exit_code == 128 + SIGTERM; }

}  // namespace

ipc::Result<void> ShellAttempt::prepare(std::vector<std::string> environment) {
  if (!step_.run.is_string()) return ipc::plain_error("cmd must be a string");
  if (!step_.shell.is_null() && !step_.shell.is_string()) {
    return ipc::plain_error("expected str, bytes or os.PathLike object, not " +
                            std::string(type_name(step_.shell)));
  }
  program_ = step_.shell.is_null() ? kDefaultShell : step_.shell.as_string();
  const std::string& command = step_.run.as_string();
  if (command.find('\0') != std::string::npos || program_.find('\0') != std::string::npos) {
    return ipc::plain_error("embedded null byte");
  }
  request_.candidates = candidates_of(program_, environment);
  request_.arguments = {program_.empty() ? kDefaultShell : program_, "-c", command};
  request_.environment = std::move(environment);
  return {};
}

ipc::Result<pid_t> ShellAttempt::begin() {
  std::array<ipc::UniqueFd, 2> child_ends;
  for (std::size_t which = 0; which < 2; ++which) {
    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) {
      return ipc::plain_error(describe({SpawnFailure::Stage::descriptors, errno}, program_));
    }
    ends_[which].reset(pipe[0]);
    entries_[which].fd = pipe[0];
    child_ends[which].reset(pipe[1]);
  }
  output_.expect(entries_[0].fd, entries_[1].fd);
  request_.output = child_ends[0].get();
  request_.errors = child_ends[1].get();
  const auto spawned = spawn(request_);
  request_ = {};
  if (const auto* failure = std::get_if<SpawnFailure>(&spawned)) {
    return ipc::plain_error(describe(*failure, program_));
  }
  const pid_t pid = std::get<pid_t>(spawned);
  reaper_.watch(pid);
  return pid;
}

ipc::Result<Object> ShellAttempt::finish(std::int64_t deadline_ms) {
  if (auto read = read_output(deadline_ms); !read) return read.error();
  attention_.check();
  const int exit_code = exit_code_of(*reaper_.status());
  if (died_of_term(exit_code)) await_own_end();
  const std::string output = decode_lossy(std::move(texts_[0]));
  const std::string errors = decode_lossy(std::move(texts_[1]));
  if (exit_code == 0) return map_shell_outputs(step_, output, errors, exit_code);
  std::string details = trim_lines(errors);
  if (details.empty()) details = trim_lines(output);
  if (details.empty()) details = "command failed";
  return ipc::plain_error("Shell step '" + step_.id_text() + "' failed with exit code " +
                          std::to_string(exit_code) + ": " + details);
}

ipc::Result<void> ShellAttempt::read_output(std::int64_t deadline_ms) {
  while (!complete()) {
    (void)attention_.wait(entries_, deadline_ms);
    for (std::size_t which = 0; which < 2; ++which) {
      if (entries_[which].revents == 0) continue;
      if (auto taken = take(which); !taken) return taken;
    }
    // A step that never stops printing never lets a wait end by its deadline.
    if (!complete() && ipc::boot_ms() >= deadline_ms) {
      timed_out_ = true;
      return ipc::plain_error("Step '" + step_.id_text() + "' exceeded timeout limit of " +
                              step_.timeout->label);
    }
  }
  return {};
}

bool ShellAttempt::complete() const {
  return entries_[0].fd < 0 && entries_[1].fd < 0 && reaper_.status().has_value();
}

ipc::Result<void> ShellAttempt::take(std::size_t which) {
  std::string& text = texts_[which];
  std::array<char, kChunk> buffer;
  const ssize_t got = ::read(entries_[which].fd, buffer.data(), buffer.size());
  if (got < 0 && errno == EINTR) return {};
  if (got <= 0) {
    entries_[which].fd = -1;
    ends_[which].reset();
    return {};
  }
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(got));
  output_.take(which == 0 ? ipc::OutputStream::out : ipc::OutputStream::err, bytes);
  text.append(bytes);
  if (texts_[0].size() + texts_[1].size() <= most_bytes_) return {};
  return ipc::plain_error("Step '" + step_.id_text() + "' printed more than " +
                          bytes_text(most_bytes_));
}

// Whoever ends a whole service sends TERM to steps and engine alike, and the step may be the
// faster one; it must not count as failed then. attention_ does not return once TERM is here.
void ShellAttempt::await_own_end() const {
  const std::int64_t deadline = ipc::boot_ms() + kOwnEndMs;
  while (attention_.wait({}, deadline) != Attention::Wake::deadline) {
  }
}

}  // namespace charter::worker
