#include "tests/support/daemon_process.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "tests/support/hand_off_client.h"
#include "tests/support/standstill.h"

namespace charter::tests {
namespace {

// Nothing of the environment the tests run in may configure a daemon.
const std::vector<std::string>& daemon_variables() {
  static const std::vector<std::string> names = {
      "CHARTER_PROJECT_PATH",           "CHARTER_GATEWAY",
      "CHARTER_GATEWAY_DAEMON_TOKEN",   "CHARTER_DAEMON_WORKER_ID",
      "CHARTER_DAEMON_MAX_RUNS",        "CHARTER_DAEMON_HEARTBEAT_INTERVAL",
      "CHARTER_DAEMON_RECONNECT_DELAY", "CHARTER_DAEMON_CONNECT_TIMEOUT",
      "CHARTER_DAEMON_SOCKET",          "CHARTER_DAEMON_LOG_LEVEL",
  };
  return names;
}

}  // namespace

std::string daemon_binary() {
  const char* other = std::getenv("CHARTER_TEST_DAEMON");
  return other != nullptr ? other : CHARTER_BIN_DIR "/charter-daemon";
}

bool testing_the_reference() { return std::getenv("CHARTER_TEST_DAEMON") != nullptr; }

DaemonProcess::DaemonProcess(const ProjectFixture& project, DaemonOptions options)
    : project_(project), options_(std::move(options)), log_(project.scratch("daemon.log")) {
  if (options_.prepare) options_.prepare(project_, options_);
  start();
}

DaemonProcess::~DaemonProcess() {
  // In order, so that a leak is reported; what does not end in time is killed by its owner.
  child_.signal(SIGTERM);
  child_.signal(SIGCONT);
  (void)child_.wait(seconds(5));
  std::vector<std::string> logs{log_};
  std::error_code none;
  const std::string journals = project_.root() + "/.charter/daemon/journals";
  for (const auto& entry : std::filesystem::directory_iterator(journals, none)) {
    if (entry.path().extension() == ".log") logs.push_back(entry.path());
  }
  for (const auto& file : logs) {
    const auto text = read_file(file);
    const bool complained = text.find("Sanitizer") != std::string::npos ||
                            text.find("runtime error:") != std::string::npos;
    if (complained) ADD_FAILURE() << file << ":\n" << text;
  }
}

std::string DaemonProcess::socket() const {
  return options_.socket.empty() ? project_.socket() : options_.socket;
}

void DaemonProcess::start() {
  ChildSpec spec;
  spec.argv = options_.command;
  if (spec.argv.empty()) spec.argv.push_back(daemon_binary());
  spec.argv.insert(spec.argv.end(),
                   {"start", "--project-path", project_.root(), "--gateway", options_.gateway,
                    "--reconnect-delay", "0.1", "--worker-id", "tested"});
  spec.argv.insert(spec.argv.end(), options_.arguments.begin(), options_.arguments.end());
  spec.unset = daemon_variables();
  spec.set = options_.environment;
  spec.set["TEST_MARK"] = project_.mark();
  spec.output = log_;
  child_ = ChildProcess(spec);
  if (!options_.wait_for_socket) return;
  const bool answers = eventually(
      kSoon, [this] { return !child_.running() || listener_of(socket()) == child_.pid(); });
  if (!answers || !child_.running())
    throw std::runtime_error("the daemon did not start:\n" + log());
}

milliseconds DaemonProcess::stop() {
  const auto start = Clock::now();
  child_.signal(SIGTERM);
  if (!child_.wait(kSoon)) {
    throw std::runtime_error("the daemon did not stop:\n" + log() + standstill_of(child_.pid()));
  }
  return since(start);
}

Finished charter_daemon(const ProjectFixture& project, std::vector<std::string> arguments,
                        std::map<std::string, std::string> environment) {
  ChildSpec spec;
  spec.argv = std::move(arguments);
  spec.argv.insert(spec.argv.begin(), CHARTER_BIN_DIR "/charter-daemon");
  spec.unset = daemon_variables();
  spec.set = std::move(environment);
  spec.set["TEST_MARK"] = project.mark();
  spec.directory = project.root();
  return run_to_end(std::move(spec));
}

}  // namespace charter::tests
