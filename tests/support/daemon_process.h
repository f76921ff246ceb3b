// A real charter-daemon on a project of the test.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/project_fixture.h"

namespace charter::tests {

// The daemon under test: $CHARTER_TEST_DAEMON (the reference, to check the tests) or ours.
[[nodiscard]] std::string daemon_binary();
[[nodiscard]] bool testing_the_reference();

struct DaemonOptions {
  std::string gateway = "http://127.0.0.1:9";  // nobody listens there
  std::vector<std::string> arguments;          // more of them, for `start`
  std::map<std::string, std::string> environment;
  bool wait_for_socket = true;
  std::string socket;                // where it will listen, when not at the default place
  std::vector<std::string> command;  // what starts the program; empty: its path alone
  // Called before the first start, for what depends on the project.
  std::function<void(const ProjectFixture&, DaemonOptions&)> prepare;
};

class DaemonProcess {
 public:
  DaemonProcess(const ProjectFixture& project, DaemonOptions options);
  // Fails the test when a sanitizer has complained in the daemon or in a worker.
  ~DaemonProcess();
  DaemonProcess(const DaemonProcess&) = delete;
  DaemonProcess& operator=(const DaemonProcess&) = delete;

  // Starts it (again) and waits until its socket answers; throws with its log when it does not.
  void start();
  // For the next start.
  [[nodiscard]] DaemonOptions& options() { return options_; }
  // TERM and wait; how long it took.
  milliseconds stop();
  // SIGKILL and reap.
  void kill() { child_.kill(); }
  void signal(int number) const { child_.signal(number); }
  [[nodiscard]] std::optional<Ending> wait(milliseconds limit = kSoon) {
    return child_.wait(limit);
  }
  [[nodiscard]] bool running() { return child_.running(); }
  [[nodiscard]] pid_t pid() const { return child_.pid(); }
  [[nodiscard]] std::string log() const { return read_file(log_); }
  [[nodiscard]] std::string socket() const;
  [[nodiscard]] const std::string& log_file() const { return log_; }

 private:
  const ProjectFixture& project_;
  DaemonOptions options_;
  std::string log_;
  ChildProcess child_;
};

// Runs `charter-daemon <arguments>` of ours to its end in the project's directory.
[[nodiscard]] Finished charter_daemon(const ProjectFixture& project,
                                      std::vector<std::string> arguments,
                                      std::map<std::string, std::string> environment = {});

}  // namespace charter::tests
