// Runs whose integrations are Python, and the interpreter that waits for the next of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <cstdlib>
#include <filesystem>

#include "tests/support/process_table.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kModule = R"(
import os, subprocess, time
from charter_integration_sdk import WorkflowIntegration

class Tool(WorkflowIntegration):
    def __init__(self): pass
    async def execute(self, step, context):
        print("to standard output")
        match step.with_config["do"]:
            case "say": return VERSION
            case "crash": os.abort()
            case "hang":
                subprocess.Popen(["setsid", "sleep", "1000"])
                open(step.with_config["there"], "w").close()
                time.sleep(1000)
)";

std::string interpreter() {
  const char* named = std::getenv("CHARTER_REFERENCE");
  return (named == nullptr ? std::string(CHARTER_BUILD_DIR "/../reference") : named) +
         "/bin/python";
}

class PythonRuns : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing_the_reference()) GTEST_SKIP() << "the reference runs them in its own process";
    if (!fs::exists(interpreter())) GTEST_SKIP() << "no toolchain; see scripts/reference";
    DaemonOptions options;
    options.environment["CHARTER_DAEMON_TOOLCHAIN_PYTHON"] = interpreter();
    scene.emplace(options);
    const fs::path python = fs::canonical(interpreter());
    const std::string venv = scene->project / ".charter/.venv";
    fs::create_directories(venv + "/bin");
    fs::create_symlink(python, venv + "/bin/python");
    write_file(venv + "/pyvenv.cfg",
               "home = " + python.parent_path().string() + "\nversion = 3.11.2\n");
    say("one");
    for (const char* what : {"say", "crash", "hang"}) {
      scene->project.add_workflow(
          what, "  - {id: a, type: step, uses: capability/t, with: {do: " + std::string(what) +
                    ", there: \"" + there() + "\"}, outputs: {said: string}}\n");
    }
  }
  void say(const std::string& version) const {
    write_file(scene->project / "tools.py", "VERSION = '" + version + "'\n" + std::string(kModule));
  }
  std::string there() const { return scene->project.scratch("there"); }
  void hand_over(const std::string& run, const std::string& workflow) const {
    HandOff request;
    request.run_id = run;
    request.workflow_id = workflow;
    request.workflow_path = scene->project.plan(workflow);
    request.capabilities["capability/t"] = {{"kind", "python"},
                                            {"spec", "tools:Tool"},
                                            {"config", boost::json::object{}},
                                            {"env", nullptr},
                                            {"config_secret_refs", nullptr},
                                            {"secrets_registry", boost::json::object{}}};
    const Answer answer = hand_off(scene->daemon.socket(), request);
    ASSERT_TRUE(answer.ok) << answer.raw;
  }
  void says(const std::string& run, const std::string& version) {
    hand_over(run, "say");
    ASSERT_EQ(scene->gateway.wait_for_end(run), "RunCompleteEvent")
        << boost::json::serialize(scene->gateway.events(run).back());
    EXPECT_THAT(read_file(scene->project.state_file(run)),
                HasSubstr("\"said\": \"" + version + "\""));
  }
  // Everything of this project's that is not the daemon itself.
  std::vector<pid_t> workers() const {
    auto all = with_variable("TEST_MARK", scene->project.mark());
    std::erase(all, scene->daemon.pid());
    return all;
  }
  bool stands_by() const {
    return eventually(kSoon, [this] {
      const auto all = workers();
      return std::any_of(all.begin(), all.end(), [](pid_t pid) {
        return command_line_of(pid).find("standby") != std::string::npos;
      });
    });
  }
  std::optional<Started> scene;
};

TEST_F(PythonRuns, NextOneBeginsInTheInterpreterThatWaitsAndSeesChangedSources) {
  says("first", "one");
  ASSERT_TRUE(stands_by());
  say("two");
  says("second", "two");
  EXPECT_EQ(scene->gateway.order_faults("second"), "");
}

TEST_F(PythonRuns, CrashOfTheWaitingInterpreterIsTheRunsFailureWithItsSignal) {
  says("first", "one");
  ASSERT_TRUE(stands_by());
  hand_over("crashes", "crash");
  ASSERT_EQ(scene->gateway.wait_for_end("crashes"), "RunFailedEvent");
  EXPECT_THAT(text_of(scene->gateway.events("crashes").back(), "error"), HasSubstr("SIGABRT"));
  says("next", "one");
}

TEST_F(PythonRuns, KillOfAWarmRunTakesAllItStartedAlong) {
  says("first", "one");
  ASSERT_TRUE(stands_by());
  hand_over("hangs", "hang");
  ASSERT_TRUE(eventually(kSoon, [this] { return exists(there()); }));
  const auto end = charter_daemon(scene->project, {"kill", "hangs", "--grace", "0.2"});
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_EQ(scene->gateway.wait_for_end("hangs"), "RunCancelledEvent");
  EXPECT_TRUE(scene->project.processes_of("hangs").empty());
  for (const pid_t pid : workers()) {
    EXPECT_THAT(command_line_of(pid), Not(HasSubstr("sleep")));
  }
}

TEST_F(PythonRuns, WaitingInterpreterGoesWithTheDaemonHoweverThatEnds) {
  for (const bool killed : {false, true}) {
    says(killed ? "r2" : "r1", "one");
    ASSERT_TRUE(stands_by());
    if (killed) {
      scene->daemon.kill();
    } else {
      scene->daemon.signal(SIGTERM);
      ASSERT_EQ(scene->daemon.wait().value_or(Ending{}).code, 0);
    }
    EXPECT_TRUE(eventually(kSoon, [this] { return workers().empty(); }));
    if (!killed) scene->daemon.start();
  }
}

// Whoever waits may die right then; the run is tried again and ends well.
TEST_F(PythonRuns, DeathOfTheWaitingWorkerLosesNoRun) {
  says("first", "one");
  ASSERT_TRUE(stands_by());
  for (const pid_t pid : workers()) {
    if (command_line_of(pid).find("standby") != std::string::npos) ::kill(pid, SIGSTOP);
  }
  hand_over("second", "say");
  ASSERT_TRUE(eventually(kSoon, [this] {
    const auto state = text_of(run_view(scene->daemon.socket(), "second"), "state");
    return state == "starting" || state == "executing";
  }));
  for (const pid_t pid : workers()) {
    if (command_line_of(pid).find("standby") != std::string::npos) ::kill(pid, SIGKILL);
  }
  EXPECT_EQ(scene->gateway.wait_for_end("second"), "RunCompleteEvent");
  EXPECT_EQ(scene->gateway.order_faults("second"), "");
}

}  // namespace
}  // namespace charter::tests
