#include "tests/support/injection.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <vector>

#include "tests/support/files.h"
#include "tests/support/process_table.h"

namespace charter::tests {
namespace {

constexpr milliseconds kDetached{2000};

std::vector<std::string> threads_of(pid_t process) {
  std::vector<std::string> threads;
  const std::string task = "/proc/" + std::to_string(process) + "/task";
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator(task, gone)) {
    threads.push_back(entry.path().filename().string());
  }
  return threads;
}

bool is_traced(const std::string& thread) {
  const std::string status = read_file("/proc/" + thread + "/status");
  const auto at = status.find("TracerPid:\t");
  return at != std::string::npos && status.compare(at + 11, 2, "0\n") != 0;
}

}  // namespace

bool Injection::possible() { return ::access("/usr/bin/strace", X_OK) == 0; }

Injection::Injection(pid_t daemon, const std::string& call, const std::string& what,
                     const std::string& when, bool with_children)
    : daemon_(daemon), call_(call), with_children_(with_children) {
  if (what.find("signal=SIGKILL") != std::string::npos) kills_at_ = std::stoi(when);
  ChildSpec spec;
  spec.argv = {"/usr/bin/strace",
               "-qq",
               "-o",
               directory_ / "calls",
               "-e",
               "trace=" + call,
               "-e",
               "inject=" + call + ":" + what + ":when=" + when};
  const auto threads = threads_of(daemon);
  if (with_children) {
    spec.argv.insert(spec.argv.end(), {"-f", "-p", std::to_string(daemon)});
  } else {
    for (const std::string& thread : threads) {
      spec.argv.push_back("-p");
      spec.argv.push_back(thread);
    }
  }
  strace_ = ChildProcess(spec);
  const bool attached = eventually(kSoon, [&] {
    return !strace_.running() || std::all_of(threads.begin(), threads.end(), is_traced);
  });
  if (!alive(daemon)) return;  // the fault came at once
  if (!attached || !strace_.running()) throw std::runtime_error("strace cannot attach");
}

// Whether a thread has begun that call, as which strace sends the signal: what it notes of its end
// may be missing where strace was told to end just then.
bool Injection::has_killed() const {
  if (kills_at_ == 0 || with_children_) return false;
  std::map<std::string, int> begun;  // of each thread, or of the only one
  for (const std::string& line : lines_of(directory_ / "calls")) {
    const auto name = line.find_first_not_of("0123456789 ");
    if (name == std::string::npos || line.compare(name, call_.size() + 1, call_ + "(") != 0)
      continue;
    if (++begun[line.substr(0, name)] == kills_at_) return true;
  }
  return false;
}

bool Injection::end() {
  // strace ends by itself when all that it traces is dead; told to end while that dies, it may wait
  // for a thread that is gone.
  if (with_children_ || alive(daemon_)) strace_.signal(SIGTERM);
  if (!strace_.wait(kDetached)) strace_.kill();
  // It may have had no processor yet to die on.
  if (has_killed()) (void)eventually(kSoon, [&] { return !alive(daemon_); });
  return read_file(directory_ / "calls").find("(INJECTED)") != std::string::npos;
}

}  // namespace charter::tests
