// Runs whose integrations are Python, and the interpreter that waits for the next of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "tests/support/process_table.h"
#include "tests/support/python_project.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::chrono::seconds kAMinute{60};

constexpr std::string_view kModule = R"(
import os, subprocess, sys, time
from charter_integration_sdk import WorkflowIntegration

class Tool(WorkflowIntegration):
    def __init__(self): pass
    async def execute(self, step, context):
        print("to standard output")
        match step.with_config["do"]:
            case "say": return VERSION
            case "how": return "warm" if "charter-nursery" in sys.orig_argv else "cold"
            case "hold": return " ".join(sorted(os.listdir("/proc/self/fd")))
            case "fresh":
                import fresh
                return fresh.VALUE
            case "crash": os.abort()
            case "look":
                import multiprocessing, tempfile
                multiprocessing.Lock()
                with tempfile.NamedTemporaryFile(): pass
                try: open("/usr/charter-is-out", "w")
                except OSError as error: return f"kept in: {error.strerror}"
                return "out"
            case "hang":
                subprocess.Popen(["setsid", "sleep", "1000"])
                open(step.with_config["there"], "w").close()
                time.sleep(1000)
            case "fork": forks_and_hangs(step.with_config["there"])
)";

class PythonRuns : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing_the_reference()) GTEST_SKIP() << "the reference runs them in its own process";
    if (const auto why = why_no_toolchain(); !why.empty()) GTEST_SKIP() << why;
    DaemonOptions options;
    options.arguments = arguments();
    use_toolchain(options);
    scene.emplace(options);
    add_environment(scene->project);
    say("one");
    for (const char* what : {"say", "how", "hold", "fresh", "crash", "hang", "fork", "look"}) {
      scene->project.add_workflow(
          what, "  - {id: a, type: step, uses: capability/t, with: {do: " + std::string(what) +
                    ", there: \"" + there() + "\"}, outputs: {said: string}}\n");
    }
  }
  [[nodiscard]] virtual std::vector<std::string> arguments() const { return {}; }
  void say(const std::string& version) const {
    write_file(scene->project / "tools.py",
               "VERSION = '" + version + "'\n" + std::string(kModule) + forking_function());
  }
  std::string forking_function() const {
    std::string text = "def forks_and_hangs(there):\n    ";
    for (const char letter : forks_and_hangs(there())) {
      text += letter;
      if (letter == '\n') text += "    ";
    }
    return text + "\n";
  }
  // A run that hangs is killed, and nothing of it is left but whoever waits for the next one.
  void expect_that_a_kill_leaves_nothing(const std::string& run) {
    ASSERT_TRUE(eventually(kSoon, [this] { return exists(there()); }));
    const auto end = charter_daemon(scene->project, {"kill", run, "--grace", "0.2"});
    EXPECT_EQ(end.code, 0) << end.err;
    EXPECT_EQ(scene->gateway.wait_for_end(run), "RunCancelledEvent");
    const auto others = [this] {
      auto all = workers();
      std::vector<pid_t> waiting{nursery()};
      for (const pid_t guardian : workers("standby")) {
        const auto its = descendants_of(guardian);
        waiting.push_back(guardian);
        waiting.insert(waiting.end(), its.begin(), its.end());
      }
      std::erase_if(all, [&waiting](pid_t pid) {
        return std::find(waiting.begin(), waiting.end(), pid) != waiting.end();
      });
      return all;
    };
    std::string left;
    if (!eventually(kSoon, [&] { return others().empty(); })) {
      for (const pid_t pid : others()) left += command_line_of(pid) + "\n";
    }
    EXPECT_EQ(left, "");
  }
  std::string there() const { return scene->project.scratch("there"); }
  static boost::json::object capability(const std::string& spec) {
    return {{"kind", "python"},
            {"spec", spec},
            {"config", boost::json::object{}},
            {"env", nullptr},
            {"config_secret_refs", nullptr},
            {"secrets_registry", boost::json::object{}}};
  }
  void hand_over(const std::string& run, const std::string& workflow,
                 const std::vector<std::string>& further = {}) const {
    HandOff request;
    request.run_id = run;
    request.workflow_id = workflow;
    request.workflow_path = scene->project.plan(workflow);
    request.capabilities["capability/t"] = capability("tools:Tool");
    for (const std::string& spec : further) {
      request.capabilities["capability/" + spec] = capability(spec);
    }
    const Answer answer = hand_off(scene->daemon.socket(), request);
    ASSERT_TRUE(answer.ok) << answer.raw;
  }
  void says(const std::string& run, const std::string& version,
            const std::string& workflow = "say") {
    hand_over(run, workflow);
    said(run, version);
  }
  void said(const std::string& run, const std::string& version) {
    ASSERT_EQ(scene->gateway.wait_for_end(run), "RunCompleteEvent")
        << boost::json::serialize(scene->gateway.events(run).back());
    // The file follows the end that a storage driver was told of.
    const std::string file = scene->project.state_file(run);
    const std::string text = "\"said\": \"" + version + "\"";
    EXPECT_TRUE(eventually(kSoon, [&] { return read_file(file).find(text) != std::string::npos; }))
        << read_file(file);
  }
  // Everything of this project's that is not the daemon itself.
  std::vector<pid_t> workers() const {
    auto all = with_variable("TEST_MARK", scene->project.mark());
    std::erase(all, scene->daemon.pid());
    return all;
  }
  // Those of them whose command line has this.
  std::vector<pid_t> workers(const std::string& word) const {
    auto all = workers();
    std::erase_if(all,
                  [&](pid_t pid) { return command_line_of(pid).find(word) == std::string::npos; });
    return all;
  }
  // Sooner or later, whatever may be on its way out.
  bool begins_warm() {
    return eventually(kSoon, [this] {
      const std::string run = "later" + std::to_string(++later);
      hand_over(run, "how");
      EXPECT_EQ(scene->gateway.wait_for_end(run), "RunCompleteEvent");
      return read_file(scene->project.state_file(run)).find("\"warm\"") != std::string::npos;
    });
  }
  // Three workers, each a guardian and an engine.
  bool stands_by() const {
    return eventually(kSoon, [this] { return workers("standby").size() == 6; });
  }
  // Its workers are forks of it, in sessions of their own.
  pid_t nursery() const {
    for (const pid_t pid : children_of(scene->daemon.pid())) {
      if (command_line_of(pid).find("charter-nursery") != std::string::npos && alive(pid))
        return pid;
    }
    return 0;
  }
  std::optional<Started> scene;
  int later = 0;
};

TEST_F(PythonRuns, NextOneBeginsInTheInterpreterThatWaitsAndSeesChangedSources) {
  says("first", "one");
  ASSERT_TRUE(stands_by());
  say("two");
  says("second", "two");
  EXPECT_EQ(scene->gateway.order_faults("second"), "");
}

// The interpreter is told everything up to the last set-up at once.
TEST_F(PythonRuns, NothingIsSetUpBehindWhatCouldNotBeLoaded) {
  write_file(scene->project / "both.py",
             "from charter_integration_sdk import WorkflowIntegration\n"
             "class Sets(WorkflowIntegration):\n"
             "    def __init__(self): pass\n"
             "    async def setup(self, run_id): open('" +
                 there() +
                 "', 'a').write('set up\\n')\n"
                 "    async def teardown(self): open('" +
                 there() +
                 "', 'a').write('torn down\\n')\n"
                 "    async def execute(self, step, context): return 'nothing'\n"
                 "class Fails(Sets):\n"
                 "    def __init__(self): raise RuntimeError('is not made')\n");
  for (const std::string run : {"cold", "warm"}) {
    let_nursery_begin(scene->project, run == "warm");
    hand_over(run + "-fails", "say", {"both:Sets", "both:Fails"});
    ASSERT_EQ(scene->gateway.wait_for_end(run + "-fails"), "RunFailedEvent");
    EXPECT_THAT(text_of(scene->gateway.events(run + "-fails").back(), "error"),
                HasSubstr("is not made"));
    EXPECT_FALSE(exists(there())) << run << ": " << read_file(there());
  }
  hand_over("sets", "say", {"both:Sets"});
  said("sets", "one");
  EXPECT_TRUE(eventually(kSoon, [this] { return read_file(there()) == "set up\ntorn down\n"; }))
      << read_file(there());
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

// Whichever way the interpreter was started; those that it forks are of no session of the run's.
TEST_F(PythonRuns, KillTakesForksOfAColdInterpreterAlong) {
  let_nursery_begin(scene->project, false);
  hand_over("forks", "fork");
  expect_that_a_kill_leaves_nothing("forks");
}

TEST_F(PythonRuns, KillTakesForksOfAWarmInterpreterAlong) {
  says("first", "one");
  ASSERT_TRUE(stands_by());
  hand_over("forks", "fork");
  expect_that_a_kill_leaves_nothing("forks");
}

TEST_F(PythonRuns, KillTakesForksOfAStorageDriverAlong) {
  add_driver(scene->project, there());
  for (const std::string run : {"forks-cold", "forks-warm"}) {
    let_nursery_begin(scene->project, run == "forks-warm");
    if (run == "forks-warm") {
      fs::remove(there());
      says("between", "one");
      ASSERT_TRUE(stands_by());
    }
    hand_over(run, "say");
    expect_that_a_kill_leaves_nothing(run);
  }
}

TEST_F(PythonRuns, EventsHaveTheNumbersOfTheirStore) {
  add_driver(scene->project, there());
  says("stored", "one");
  int seen = 0;
  for (const auto& message : scene->gateway.of_type("run.event")) {
    EXPECT_EQ(message.json.at("stream_seq").as_int64(), 1000 + message.json.at("seq").as_int64());
    ++seen;
  }
  EXPECT_GE(seen, 3);
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

// The first has its worker from the interpreter that makes those of all others, which is therefore
// there when the second comes.
TEST_F(PythonRuns, EachOfManyInARowBeginsWarm) {
  says("first", "warm", "how");
  const pid_t first = nursery();
  EXPECT_NE(first, 0);
  for (int i = 0; i < 8; ++i) says("next" + std::to_string(i), "warm", "how");
  EXPECT_EQ(nursery(), first);
}

TEST_F(PythonRuns, ThoseThatComeTogetherWaitForTheirWorkersAndBeginWarm) {
  for (int i = 0; i < 3; ++i) hand_over("first" + std::to_string(i), "how");
  for (int i = 0; i < 3; ++i) said("first" + std::to_string(i), "warm");
  ASSERT_TRUE(stands_by());
  for (int i = 0; i < 6; ++i) hand_over("together" + std::to_string(i), "how");
  for (int i = 0; i < 6; ++i) said("together" + std::to_string(i), "warm");
}

TEST_F(PythonRuns, WarmInterpreterHoldsNoMoreThanAnother) {
  let_nursery_begin(scene->project, false);
  hand_over("cold", "hold");
  ASSERT_EQ(scene->gateway.wait_for_end("cold"), "RunCompleteEvent");
  const auto held = [this](const std::string& run) {
    const std::string state = read_file(scene->project.state_file(run));
    const auto at = state.rfind("\"said\"");
    return state.substr(at, state.find('\n', at) - at);
  };
  ASSERT_THAT(held("cold"), HasSubstr("0 1 2 3 4"));
  let_nursery_begin(scene->project, true);
  ASSERT_TRUE(begins_warm());
  ASSERT_TRUE(stands_by());
  hand_over("warm", "hold");
  ASSERT_EQ(scene->gateway.wait_for_end("warm"), "RunCompleteEvent");
  EXPECT_EQ(held("warm"), held("cold"));
}

TEST_F(PythonRuns, BeginByThemselvesWhereTheNurseryCannot) {
  let_nursery_begin(scene->project, false);
  for (int i = 0; i < 3; ++i) hand_over("cold" + std::to_string(i), "how");
  for (int i = 0; i < 3; ++i) said("cold" + std::to_string(i), "cold");
  let_nursery_begin(scene->project, true);
  EXPECT_TRUE(begins_warm());
}

// Whether the next run begins by itself or in an interpreter that has begun since.
TEST_F(PythonRuns, NextOneFindsPackagesThatCameWhileItsInterpreterWaited) {
  says("first", "warm", "how");
  ASSERT_TRUE(stands_by());
  const pid_t before = nursery();
  const std::string packages = scene->project / ".charter/.venv/lib/python3.11/site-packages";
  fs::create_directories(packages);
  write_file(packages + "/fresh.py", "VALUE = 'fresh'");
  says("second", "fresh", "fresh");
  ASSERT_TRUE(begins_warm());
  EXPECT_NE(nursery(), before);
}

// The nursery is the parent of the guardians it has made; they have to outlive it.
TEST_F(PythonRuns, DeathOfTheNurseryLeavesItsRunsAlone) {
  says("first", "one");
  ASSERT_TRUE(stands_by());
  hand_over("hangs", "hang");
  ASSERT_TRUE(eventually(kSoon, [this] { return exists(there()); }));
  const pid_t parent = nursery();
  ASSERT_NE(parent, 0);
  ::kill(parent, SIGKILL);
  ASSERT_TRUE(eventually(kSoon, [&] { return nursery() != parent; }));
  says("next", "one");  // what the daemon does not know has been ended by now
  EXPECT_EQ(text_of(run_view(scene->daemon.socket(), "hangs"), "state"), "executing");
  EXPECT_EQ(charter_daemon(scene->project, {"kill", "hangs", "--grace", "0.2"}).code, 0);
  EXPECT_EQ(scene->gateway.wait_for_end("hangs"), "RunCancelledEvent");
  EXPECT_TRUE(scene->project.processes_of("hangs").empty());
}

TEST_F(PythonRuns, NurseryThatDoesNotAnswerIsEndedAndRunsBeginCold) {
  says("first", "warm", "how");
  ASSERT_TRUE(stands_by());
  const pid_t stopped = nursery();
  ASSERT_NE(stopped, 0);
  ::kill(stopped, SIGSTOP);
  for (int i = 0; i < 4; ++i) hand_over("run" + std::to_string(i), "say");
  for (int i = 0; i < 4; ++i) said("run" + std::to_string(i), "one");
  EXPECT_TRUE(eventually(kSoon, [&] { return nursery() != stopped; }));
}

TEST_F(PythonRuns, IdleNurseryAndWorkersEndAtTerm) {
  says("first", "one");
  ASSERT_TRUE(stands_by());
  ::kill(nursery(), SIGTERM);
  EXPECT_TRUE(eventually(kSoon, [this] { return workers().empty(); }));
  says("next", "one");
}

// The default suite has what follows the deadline, IdleNurseryAndWorkersEndAtTerm.
class LongPythonRuns : public PythonRuns {};

TEST_F(LongPythonRuns, InterpreterLeavesWithinAMinuteOfIdleness) {
  says("first", "one");
  ASSERT_TRUE(stands_by());
  ASSERT_NE(nursery(), 0);
  EXPECT_TRUE(eventually(kAMinute, [this] { return nursery() == 0 && workers().empty(); }));
  says("next", "one");
}

// Whoever waits may die right then; the run is tried again and ends well.
TEST_F(PythonRuns, DeathOfTheWaitingWorkerLosesNoRun) {
  says("first", "one");
  ASSERT_TRUE(stands_by());
  for (const pid_t pid : workers("standby")) ::kill(pid, SIGSTOP);
  hand_over("second", "say");
  ASSERT_TRUE(eventually(kSoon, [this] {
    const auto state = text_of(run_view(scene->daemon.socket(), "second"), "state");
    return state == "starting" || state == "executing";
  }));
  for (const pid_t pid : workers("standby")) ::kill(pid, SIGKILL);
  EXPECT_EQ(scene->gateway.wait_for_end("second"), "RunCompleteEvent");
  EXPECT_EQ(scene->gateway.order_faults("second"), "");
}

class SandboxedPythonRuns : public PythonRuns {
 protected:
  [[nodiscard]] std::vector<std::string> arguments() const override {
    return {"--sandbox", "project"};
  }
  void SetUp() override {
    PythonRuns::SetUp();
    if (!scene) return;
    const auto status = charter_daemon(scene->project, {"status", "--json"});
    if (status.out.find(R"("mode":"project","level":2)") == std::string::npos) {
      GTEST_SKIP() << "no mount namespace can be had here";
    }
  }
};

// Twice: the second would be the one that is handed to a worker which stands by.
TEST_F(SandboxedPythonRuns, AreKeptInTheProjectAndFindWhatPythonNeeds) {
  for (const char* run : {"first", "second"}) {
    hand_over(run, "look");
    ASSERT_EQ(scene->gateway.wait_for_end(run), "RunCompleteEvent")
        << boost::json::serialize(scene->gateway.events(run).back());
    EXPECT_THAT(read_file(scene->project.state_file(run)), HasSubstr("kept in: "));
    EXPECT_FALSE(fs::exists("/usr/charter-is-out"));
  }
  for (const pid_t pid : workers()) {
    EXPECT_EQ(command_line_of(pid).find("standby"), std::string::npos);
  }
}

}  // namespace
}  // namespace charter::tests
