// `kill` of a run with a process that cannot be ended: it says so, and which. Needs a process of
// another user than the daemon's, so the test has to be root and the daemon somebody else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <optional>

#include "tests/support/daemon_process.h"
#include "tests/support/hand_off_client.h"
#include "tests/support/process_table.h"
#include "tests/support/recording_gateway.h"
#include "tests/support/somebody.h"

namespace charter::tests {
namespace {

using ::testing::StartsWith;

constexpr milliseconds kGrace{500};
constexpr milliseconds kAfterKill{2000};  // how long the guardian waits for what it killed
constexpr milliseconds kBusyMachine{3000};
constexpr milliseconds kLooks{2200};  // the daemon looks for orphans each second

class LeftBehind : public ::testing::Test {
 protected:
  void SetUp() override {
    if (geteuid() != 0) GTEST_SKIP() << "only root can make a process of another user";
    struct statvfs info {};
    statvfs(project.root().c_str(), &info);
    if ((info.f_flag & ST_NOSUID) != 0) GTEST_SKIP() << "setuid has no effect in " + project.root();
    give_to_somebody(project);
    if (run_as_somebody(project, {"true"}).code != 0)
      GTEST_SKIP() << "setpriv cannot change the user";
    make_stubborn_program();
    project.add_workflow("stubborn", shell_step("start", stubborn + " & wait"));
    project.add_workflow("hello", shell_step("greet", "true"));
    give_to_somebody(project);
    DaemonOptions options;
    options.gateway = gateway.url();
    program = daemon_for_somebody(project);
    options.command = as_somebody({program});
    daemon.emplace(project, options);
  }
  void TearDown() override {
    if (left > 1) ::kill(left, SIGKILL);
  }

  void make_stubborn_program() const {
    std::filesystem::copy_file(CHARTER_OTHER_USER, stubborn);
    ASSERT_EQ(chmod(stubborn.c_str(), 04755), 0);
  }
  Answer run(const std::string& id, const std::string& workflow) const {
    return hand_off(daemon->socket(), {id, workflow, project.plan(workflow), {}, {}, nullptr});
  }
  void start_stubborn_run() {
    ASSERT_TRUE(run("r1", "stubborn").ok);
    ASSERT_TRUE(eventually(kRunTime, [this] {
      for (const pid_t pid : project.processes_of("r1")) {
        const auto status = read_file("/proc/" + std::to_string(pid) + "/status");
        const bool root = status.find("Uid:\t0\t0\t0\t") != std::string::npos;
        if (root && command_line_of(pid).starts_with(stubborn)) left = pid;
      }
      return left != 0;
    }));
  }
  // The kill's report; its time and its exit code are checked.
  boost::json::object kill_run() {
    const auto begun = Clock::now();
    const auto end = run_as_somebody(
        project, {program, "kill", "r1", "--grace", "0.5", "--note", "enough", "--json"});
    EXPECT_LT(since(begun), kGrace + kAfterKill + kBusyMachine);
    EXPECT_EQ(end.code, 6) << end.out << end.err;
    boost::system::error_code unreadable;
    const auto report = boost::json::parse(end.out, unreadable);
    EXPECT_TRUE(report.is_object()) << end.err;
    return report.is_object() ? report.as_object() : boost::json::object();
  }
  void expect_named(const boost::json::object& report) const {
    EXPECT_EQ(text_of(report, "outcome"), "left");
    EXPECT_EQ(text_of(report, "status"), "cancelled");
    EXPECT_GE(report.at("elapsed_ms").to_number<int>(), kGrace.count());
    const auto& list = report.at("left").as_array();
    ASSERT_EQ(list.size(), 1U) << boost::json::serialize(report);
    EXPECT_EQ(list[0].at("pid").to_number<pid_t>(), left);
    EXPECT_EQ(list[0].at("name").as_string(), "stubborn");
    EXPECT_EQ(list[0].at("reason").as_string(), "belongs to another user");
    EXPECT_TRUE(alive(left));
  }
  void expect_one_end() {
    EXPECT_EQ(gateway.wait_for_end("r1"), "RunCancelledEvent");
    EXPECT_EQ(gateway.order_faults("r1"), "");
    EXPECT_THAT(text_of(gateway.events("r1").back(), "note"), StartsWith("enough"));
  }

  ProjectFixture project;
  RecordingGateway gateway;
  std::optional<DaemonProcess> daemon;
  const std::string stubborn = project.scratch("stubborn");
  std::string program;
  pid_t left = 0;
};

TEST_F(LeftBehind, ProcessOfAnotherUserIsNamedAndTheExitCodeIsSix) {
  start_stubborn_run();
  expect_named(kill_run());
  expect_one_end();
  ASSERT_TRUE(run("r2", "hello").ok) << "the daemon serves on";
  EXPECT_EQ(gateway.wait_for_end("r2"), "RunCompleteEvent");
  EXPECT_TRUE(throughout(kLooks, [this] {
    return daemon->log().find("Ended 0 processes") == std::string::npos;
  })) << "it is met at every look for orphans";
}

TEST_F(LeftBehind, ProcessOfAnotherUserIsNamedWithoutADaemonToo) {
  start_stubborn_run();
  daemon->kill();
  const auto report = kill_run();
  expect_named(report);
  EXPECT_EQ(text_of(report, "by"), "guardian");
  daemon->start();
  expect_one_end();
}

}  // namespace
}  // namespace charter::tests
