// Limits of a daemon that is an ordinary user's and in no group that was delegated to it: it says
// what is not in force, and keeps the memory process by process.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>

#include "tests/support/daemon_process.h"
#include "tests/support/hand_off_client.h"
#include "tests/support/recording_gateway.h"
#include "tests/support/somebody.h"

namespace charter::tests {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class RunLimitsOfAUser : public ::testing::Test {
 protected:
  void start(std::vector<std::string> limits) {
    DaemonOptions options;
    options.gateway = gateway.url();
    options.arguments = std::move(limits);
    if (geteuid() == 0) {
      give_to_somebody(project);
      options.command = as_somebody({daemon_for_somebody(project)});
    }
    daemon.emplace(project, options);
  }
  std::string status() const {
    const auto text = charter_daemon(project, {"status"});
    return text.out;
  }

  ProjectFixture project;
  RecordingGateway gateway;
  std::optional<DaemonProcess> daemon;
};

TEST_F(RunLimitsOfAUser, AreToldToBeInForceOrNot) {
  if (geteuid() == 0 && run_as_somebody(project, {"true"}).code != 0) {
    GTEST_SKIP() << "setpriv cannot change the user";
  }
  const std::string told_by_step = project.scratch("told");
  project.add_workflow("hog", shell_step("hog",
                                         "(head -c 100000000 /dev/zero | tail -n 1 | wc -c; "
                                         "ulimit -d) >" +
                                             told_by_step));
  ASSERT_NO_FATAL_FAILURE(
      start({"--run-memory-max", "64M", "--run-pids-max", "20", "--run-cpu-max", "50"}));
  const std::string told = status();
  if (told.find("processes: 20, by cgroup") != std::string::npos) {
    GTEST_SKIP() << "this user's group is delegated to it";
  }
  EXPECT_THAT(told, AllOf(HasSubstr("memory: 64 MiB, by rlimit, of each process alone"),
                          HasSubstr("processes: 20, NOT in force: cgroup v2: "),
                          HasSubstr("processors: 50 %, NOT in force: cgroup v2: ")));
  EXPECT_THAT(daemon->log(), AllOf(HasSubstr("--run-memory-max is in force by rlimit only"),
                                   HasSubstr("--run-pids-max is NOT in force"),
                                   HasSubstr("--run-cpu-max is NOT in force")));
  HandOff request;
  request.run_id = "r1";
  request.workflow_id = "hog";
  request.workflow_path = project.plan("hog");
  ASSERT_TRUE(hand_off(daemon->socket(), request).ok);
  EXPECT_EQ(gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_THAT(lines_of(told_by_step), ::testing::ElementsAre("0", "65536"))
      << "the process held more than it may";
}

}  // namespace
}  // namespace charter::tests
