#include "tests/support/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <stdexcept>
#include <utility>

#include "tests/support/files.h"

extern char** environ;  // NOLINT

namespace charter::tests {
namespace {

std::vector<std::string> environment(const ChildSpec& spec) {
  std::map<std::string, std::string> variables;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    if (equals != std::string::npos) variables[text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& name : spec.unset) variables.erase(name);
  for (const auto& [name, value] : spec.set) variables[name] = value;
  std::vector<std::string> entries;
  for (const auto& [name, value] : variables) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (auto& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

int open_output(const std::string& path) {
  if (path.empty()) return -1;
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) throw std::runtime_error("open " + path);
  return fd;
}

}  // namespace

ChildProcess::ChildProcess(const ChildSpec& spec) {
  auto arguments = spec.argv;
  auto entries = environment(spec);
  const auto argv = pointers(arguments);
  const auto envp = pointers(entries);
  const int out = open_output(spec.output);
  const int err = spec.errors.empty() ? out : open_output(spec.errors);
  const int in = spec.input >= 0 ? spec.input : open("/dev/null", O_RDONLY | O_CLOEXEC);
  pid_ = fork();
  if (pid_ < 0) throw std::runtime_error("fork");
  if (pid_ == 0) {
    dup2(in, 0);
    if (out >= 0) dup2(out, 1);
    if (err >= 0) dup2(err, 2);
    if (!spec.directory.empty() && chdir(spec.directory.c_str()) != 0) _exit(126);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  if (spec.input < 0) close(in);
  if (out >= 0) close(out);
  if (err >= 0 && err != out) close(err);
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), ending_(std::move(other.ending_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    kill();
    pid_ = std::exchange(other.pid_, -1);
    ending_ = std::move(other.ending_);
  }
  return *this;
}

ChildProcess::~ChildProcess() { kill(); }

bool ChildProcess::reap(bool block) {
  if (pid_ < 0 || ending_) return true;
  int status = 0;
  if (waitpid(pid_, &status, block ? 0 : WNOHANG) != pid_) return false;
  ending_ = WIFSIGNALED(status) ? Ending{128 + WTERMSIG(status), true}
                                : Ending{WEXITSTATUS(status), false};
  return true;
}

bool ChildProcess::running() { return pid_ > 0 && !reap(false); }

void ChildProcess::signal(int number) const {
  if (pid_ > 0 && !ending_) ::kill(pid_, number);
}

std::optional<Ending> ChildProcess::wait(milliseconds limit) {
  (void)eventually(limit, [this] { return reap(false); });
  return ending_;
}

void ChildProcess::kill() {
  if (pid_ < 0 || ending_) return;
  ::kill(pid_, SIGKILL);
  reap(true);
}

Finished run_to_end(ChildSpec spec, milliseconds limit) {
  TempDir directory("charter-out");
  spec.output = directory / "out";
  spec.errors = directory / "err";
  ChildProcess child(spec);
  const auto ending = child.wait(limit);
  child.kill();
  return {ending ? ending->code : -1, read_file(spec.output), read_file(spec.errors)};
}

}  // namespace charter::tests
