// --run-memory-max, --run-pids-max and --run-cpu-max where groups keep them: what exceeds one fails
// with that reason, nothing of the run is left, and its groups are gone. Nothing here takes more
// than a few hundred MiB or processes, and all of it inside the run's group.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/process_table.h"
#include "tests/support/run_groups.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

// The shell itself holds it, so that nothing else can be ended in its place.
constexpr const char* kHog = "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo ${#x}";

DaemonOptions limited(std::vector<std::string> limits) {
  DaemonOptions options;
  options.arguments = std::move(limits);
  options.arguments.insert(options.arguments.end(), {"--kill-grace", "0.3"});
  return options;
}

class RunLimits : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = why_no_groups(); !why.empty()) GTEST_SKIP() << "no groups here: " << why;
  }
  static std::string error_of(Started& scene, const std::string& run) {
    EXPECT_EQ(scene.gateway.wait_for_end(run), "RunFailedEvent");
    const auto events = scene.gateway.events(run);
    return events.empty() ? std::string() : text_of(events.back(), "error");
  }
  static void expect_nothing_left(Started& scene, const std::string& run) {
    EXPECT_TRUE(eventually(kSoon, [&] { return groups_of(scene.project, run).empty(); }));
    EXPECT_THAT(scene.project.processes_of(run), IsEmpty());
    EXPECT_EQ(scene.gateway.order_faults(run), "");
  }
};

TEST_F(RunLimits, OfMemoryEndTheStepWithThatReasonAndThePeak) {
  Started scene(limited({"--run-memory-max", "48M"}));
  scene.project.add_workflow("hog", shell_step("hog", kHog));
  scene.project.add_workflow("other", hold_step("wait", scene.project.scratch("go")));
  ASSERT_TRUE(scene.run("other", "other").ok);
  ASSERT_TRUE(scene.run("r1", "hog").ok);
  EXPECT_THAT(error_of(scene, "r1"),
              AllOf(StartsWith("out of memory: step 'hog' was ended by the kernel, limit 48 MiB, "
                               "peak 4"),
                    HasSubstr("Shell step 'hog' failed")));
  expect_nothing_left(scene, "r1");
  write_file(scene.project.scratch("go"), "");
  EXPECT_EQ(scene.gateway.wait_for_end("other"), "RunCompleteEvent");
  expect_nothing_left(scene, "other");
}

// What the sandbox hides and denies must not keep the run out of its groups, nor their counts away.
TEST_F(RunLimits, HoldInASandboxAsWell) {
  Started scene(
      limited({"--run-memory-max", "48M", "--run-pids-max", "20", "--sandbox", "project"}));
  const auto status = charter_daemon(scene.project, {"status", "--json"});
  if (status.out.find(R"("mode":"project","level":0)") != std::string::npos) {
    GTEST_SKIP() << "no sandbox can be had here";
  }
  ASSERT_THAT(status.out, HasSubstr(R"("mode":"project","level":)"));
  scene.project.add_workflow("hog", shell_step("hog", kHog));
  scene.project.add_workflow(
      "many", shell_step("many", "for i in $(seq 60); do sleep 1000 >&- 2>&- & done; wait"));
  ASSERT_TRUE(scene.run("r1", "hog").ok);
  EXPECT_THAT(error_of(scene, "r1"),
              StartsWith("out of memory: step 'hog' was ended by the kernel, limit 48 MiB, "
                         "peak 4"));
  expect_nothing_left(scene, "r1");
  ASSERT_TRUE(scene.run("r2", "many").ok);
  EXPECT_THAT(error_of(scene, "r2"),
              StartsWith("too many processes: step 'many' was refused a new one "));
  expect_nothing_left(scene, "r2");
}

TEST_F(RunLimits, OfMemoryThatTheEngineExceedsAreTheGuardiansVerdict) {
  Started scene(limited({"--run-memory-max", "24M"}));
  scene.project.add_workflow(
      "talk", shell_step("talk", "head -c 60000000 /dev/zero | tr '\\0' x; sleep 1000"));
  ASSERT_TRUE(scene.run("r1", "talk").ok);
  EXPECT_THAT(error_of(scene, "r1"),
              StartsWith("out of memory: the run's engine was ended by the kernel, limit 24 MiB, "
                         "peak 2"));
  EXPECT_THAT(scene.gateway.event_kinds("r1"),
              ElementsAre("StepStartEvent", "StepFailedEvent", "RunFailedEvent"));
  expect_nothing_left(scene, "r1");
}

TEST_F(RunLimits, OfProcessesRefuseMoreAndSaySo) {
  Started scene(limited({"--run-pids-max", "20"}));
  scene.project.add_workflow(
      "many", shell_step("many", "for i in $(seq 60); do sleep 1000 >&- 2>&- & done; wait"));
  ASSERT_TRUE(scene.run("r1", "many").ok);
  EXPECT_THAT(error_of(scene, "r1"),
              AllOf(StartsWith("too many processes: step 'many' was refused a new one "),
                    HasSubstr("limit 20 (run-pids-max): Shell step 'many' failed")));
  expect_nothing_left(scene, "r1");
}

// How much it got depends on how busy the machine is; that the kernel held it back does not.
TEST_F(RunLimits, OfProcessorsHoldItBackButNotItsEnd) {
  Started scene(limited({"--run-cpu-max", "5"}));
  scene.project.add_workflow(
      "busy",
      shell_step("busy", "for i in 1 2 3 4 5 6 7 8; do (while :; do :; done) & done; wait"));
  ASSERT_TRUE(scene.run("r1", "busy").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  const auto throttled = [&] {
    for (const auto& group : groups_of(scene.project, "r1")) {
      const std::string text = read_file(group + "/cpu.stat");
      const auto at = text.find("nr_throttled ");
      if (at != std::string::npos && std::stoi(text.substr(at + 13)) >= 5) return true;
    }
    return false;
  };
  EXPECT_TRUE(eventually(kSoon, throttled));
  const auto begun = Clock::now();
  EXPECT_EQ(charter_daemon(scene.project, {"kill", "r1"}).code, 0);
  EXPECT_LT(since(begun), milliseconds(300 + 2000));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  expect_nothing_left(scene, "r1");
}

TEST_F(RunLimits, HoldWithTheSupervisorDead) {
  Started scene(limited({"--run-memory-max", "48M"}));
  const auto go = scene.project.scratch("go");
  scene.project.add_workflow("hog", hold_step("wait", go) + shell_step("hog", kHog));
  ASSERT_TRUE(scene.run("r1", "hog").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  scene.daemon.kill();
  write_file(go, "");
  EXPECT_TRUE(eventually(kSoon, [&] { return groups_of(scene.project, "r1").empty(); }));
  scene.daemon.start();
  EXPECT_THAT(error_of(scene, "r1"), StartsWith("out of memory: step 'hog'"));
  expect_nothing_left(scene, "r1");
}

// Its groups know the process that knows no parent and no marker any more.
TEST_F(RunLimits, GroupsOfARunWhoseWorkerDiedGoWithWhatIsInThem) {
  Started scene(limited({"--run-pids-max", "50"}));
  const auto pid_file = scene.project.scratch("pid");
  scene.project.add_workflow(
      "stray", shell_step("stray", "env -i setsid /bin/sh -c 'echo $$ >" + pid_file +
                                       "; exec sleep 1000' >/dev/null 2>&1 & sleep 1000"));
  ASSERT_TRUE(scene.run("r1", "stray").ok);
  ASSERT_TRUE(eventually(kSoon, [&] { return !lines_of(pid_file).empty(); }));
  const pid_t stray = std::stoi(lines_of(pid_file).front());
  const pid_t guardian = guardian_of(scene.daemon.socket(), "r1");
  const pid_t engine = engine_of(scene.daemon.socket(), "r1");
  ASSERT_GT(guardian, 0);
  ASSERT_GT(engine, 0);
  scene.daemon.kill();
  ASSERT_TRUE(kill_worker(guardian, engine));
  ASSERT_TRUE(eventually(kSoon, [&] { return !alive(guardian) && !alive(engine); }));
  ASSERT_TRUE(alive(stray));
  scene.daemon.start();
  EXPECT_TRUE(eventually(kSoon, [&] { return !alive(stray); }));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  expect_nothing_left(scene, "r1");
}

// A daemon that has not begun the run is not its worker's parent, and is not told how it ended.
TEST_F(RunLimits, GroupsOfAnAdoptedRunWhoseWorkerDiedGoAsWell) {
  Started scene(limited({"--run-pids-max", "50"}));
  scene.project.add_workflow("still", shell_step("still", "sleep 1000 & sleep 1000"));
  ASSERT_TRUE(scene.run("r1", "still").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  scene.daemon.kill();
  scene.daemon.start();
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "executing"));
  const pid_t guardian = guardian_of(scene.daemon.socket(), "r1");
  const pid_t engine = engine_of(scene.daemon.socket(), "r1");
  ASSERT_GT(guardian, 0);
  ASSERT_GT(engine, 0);
  ASSERT_FALSE(groups_of(scene.project, "r1").empty());
  ASSERT_TRUE(kill_worker(guardian, engine));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  expect_nothing_left(scene, "r1");
}

// On a busy machine a group is not empty at once when its processes have ended.
TEST_F(RunLimits, GroupsThatAreNotEmptyInTimeGoLater) {
  Started scene(limited({"--run-pids-max", "50"}));
  const auto go = scene.project.scratch("go");
  scene.project.add_workflow("wait", hold_step("wait", go));
  ASSERT_TRUE(scene.run("r1", "wait").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  ChildSpec spec;
  spec.argv = {"/bin/sleep", "1000"};
  ChildProcess late(spec);
  const auto groups = groups_of(scene.project, "r1");
  ASSERT_FALSE(groups.empty());
  write_file(groups.front() + "/cgroup.procs", std::to_string(late.pid()));
  write_file(go, "");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  expect_nothing_left(scene, "r1");
  EXPECT_EQ(scene.daemon.log().find("cannot be removed"), std::string::npos);
}

TEST_F(RunLimits, StatusTellsValueAndMeans) {
  Started scene(limited({"--run-memory-max", "64M", "--run-cpu-max", "150"}));
  const auto text = charter_daemon(scene.project, {"status"});
  EXPECT_THAT(text.out,
              AllOf(HasSubstr("memory: 64 MiB, by cgroup v"), HasSubstr("processes: none"),
                    HasSubstr("processors: 150 %, by cgroup v")));
  const auto json = charter_daemon(scene.project, {"status", "--json"});
  EXPECT_THAT(json.out,
              AllOf(HasSubstr(R"("memory":{"max":67108864,"in_force":true,"means":"cgroup v)"),
                    HasSubstr(R"("pids":null)")));
  EXPECT_THAT(scene.daemon.log(), Not(HasSubstr("in force")));
}

}  // namespace
}  // namespace charter::tests
