#include "tests/support/injection.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
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
    : daemon_(daemon), with_children_(with_children) {
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

bool Injection::end() {
  // strace ends by itself when all that it traces is dead; told to end while that dies, it may wait
  // for a thread that is gone.
  if (with_children_ || alive(daemon_)) strace_.signal(SIGTERM);
  if (!strace_.wait(kDetached)) strace_.kill();
  return read_file(directory_ / "calls").find("(INJECTED)") != std::string::npos;
}

}  // namespace charter::tests
