// The program is replaced on disk while runs execute, as a package does it: a copy is renamed over
// the old file, and the daemon is started anew. No run dies of it.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <filesystem>

#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;

constexpr int kRuns = 3;

enum class End { stop, kill };

class Upgrade : public ::testing::TestWithParam<End> {
 protected:
  Upgrade() { fs::create_directories(place); }

  // Both programs, each copied beside its place and renamed over what is there.
  void install() const {
    const fs::path built = fs::path(daemon_binary()).parent_path();
    for (const auto* name : {"charter-daemon", "charter-worker"}) {
      fs::copy_file(built / name, place + "/new", fs::copy_options::overwrite_existing);
      fs::rename(place + "/new", place + "/" + name);
    }
  }
  [[nodiscard]] ino_t installed() const {
    struct stat found {};
    EXPECT_EQ(stat((place + "/charter-daemon").c_str(), &found), 0);
    return found.st_ino;
  }
  static ino_t executed_by(pid_t pid) {
    struct stat found {};
    EXPECT_EQ(stat(("/proc/" + std::to_string(pid) + "/exe").c_str(), &found), 0);
    return found.st_ino;
  }

  ProjectFixture project;
  RecordingGateway gateway;
  const std::string place = project.scratch("installed");
};

TEST_P(Upgrade, KeepsEveryRunThatExecutes) {
  if (testing_the_reference()) GTEST_SKIP() << "it cannot";
  install();
  const std::string release = project.scratch("release");
  project.add_workflow("hold", hold_step("wait", release) + shell_step("after", "true"));
  DaemonOptions options;
  options.gateway = gateway.url();
  options.command = {place + "/charter-daemon"};
  DaemonProcess daemon(project, options);
  std::vector<pid_t> engines;
  for (int i = 0; i < kRuns; ++i) {
    HandOff request;
    request.run_id = "r" + std::to_string(i);
    request.workflow_id = "hold";
    request.workflow_path = project.plan("hold");
    ASSERT_TRUE(hand_off(daemon.socket(), request).ok);
    ASSERT_TRUE(gateway.wait_for_event(request.run_id, "StepStartEvent"));
    engines.push_back(guardian_of(daemon.socket(), request.run_id));
  }
  const ino_t old = installed();
  ASSERT_EQ(executed_by(daemon.pid()), old);

  install();
  ASSERT_NE(installed(), old);
  GetParam() == End::stop ? (void)daemon.stop() : daemon.kill();
  daemon.start();
  EXPECT_EQ(executed_by(daemon.pid()), installed());
  for (int i = 0; i < kRuns; ++i) {
    const auto run = "r" + std::to_string(i);
    EXPECT_TRUE(reaches_state(daemon.socket(), run, "executing"));
    EXPECT_EQ(guardian_of(daemon.socket(), run), engines[static_cast<std::size_t>(i)]);
  }
  // Before they end, one that the new program begins.
  project.add_workflow("hello", shell_step("greet", "true"));
  HandOff fresh;
  fresh.run_id = "fresh";
  fresh.workflow_id = "hello";
  fresh.workflow_path = project.plan("hello");
  ASSERT_TRUE(hand_off(daemon.socket(), fresh).ok);
  EXPECT_EQ(gateway.wait_for_end("fresh"), "RunCompleteEvent");
  write_file(release, "");
  for (int i = 0; i < kRuns; ++i) {
    const auto run = "r" + std::to_string(i);
    EXPECT_EQ(gateway.wait_for_end(run), "RunCompleteEvent");
    EXPECT_EQ(gateway.order_faults(run), "");
  }
}

INSTANTIATE_TEST_SUITE_P(How, Upgrade, ::testing::Values(End::stop, End::kill),
                         [](const auto& how) {
                           return how.param == End::stop ? "Stopped" : "Killed";
                         });

}  // namespace
}  // namespace charter::tests
