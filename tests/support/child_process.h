// One child of the test: started, signalled and reaped by its own pid only.
#pragma once

#include <sys/types.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/wait.h"

namespace charter::tests {

struct ChildSpec {
  std::vector<std::string> argv;
  std::map<std::string, std::string> set;  // laid over this process's environment
  std::vector<std::string> unset;
  std::string directory;  // empty: this one's
  std::string output;     // file for stdout, appended; empty: inherited
  std::string errors;     // file for stderr; empty: with `output`
  int input = -1;         // descriptor for stdin; -1: /dev/null
};

// How a child ended, in the shell's terms: its exit code, or 128 + the signal.
struct Ending {
  int code = -1;
  bool signalled = false;
};

class ChildProcess {
 public:
  ChildProcess() = default;
  explicit ChildProcess(const ChildSpec& spec);
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;
  // Kills and reaps what is still there.
  ~ChildProcess();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool running();
  void signal(int number) const;
  // Waits for the end; nothing when `limit` passed first.
  [[nodiscard]] std::optional<Ending> wait(milliseconds limit = kSoon);
  // SIGKILL and reap.
  void kill();

 private:
  bool reap(bool block);
  pid_t pid_ = -1;
  std::optional<Ending> ending_;
};

struct Finished {
  int code = -1;  // as in Ending; -1 when it did not end in time
  std::string out;
  std::string err;
};

// Runs a command to its end and keeps what it wrote.
[[nodiscard]] Finished run_to_end(ChildSpec spec, milliseconds limit = kRunTime);

}  // namespace charter::tests
