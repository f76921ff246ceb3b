// --run-time-max: a run that executes for longer than it may fails with that reason, by its own
// guardian, whole and once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr const char* kReason = "time limit: the run executed for longer than 2 s (run-time-max)";
// Ignores TERM, in a session of its own, beside the step.
constexpr const char* kStubborn = "setsid sh -c 'trap \"\" TERM; sleep 1000' & sleep 1000";

DaemonOptions limited() {
  DaemonOptions options;
  options.arguments = {"--run-time-max", "2", "--kill-grace", "0.3"};
  return options;
}

void expect_ended_for_its_time(Started& scene, const std::string& run) {
  ASSERT_EQ(scene.gateway.wait_for_end(run), "RunFailedEvent");
  EXPECT_THAT(scene.gateway.event_kinds(run),
              ElementsAre("StepStartEvent", "StepFailedEvent", "RunFailedEvent"));
  for (const auto& event : scene.gateway.events(run)) {
    if (event.at("kind") == "StepStartEvent") continue;
    EXPECT_EQ(text_of(event, "error"), kReason);
  }
  EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of(run).empty(); }));
  EXPECT_EQ(scene.gateway.order_faults(run), "");
  EXPECT_THAT(read_file(scene.project.state_file(run)), HasSubstr(kReason));
}

TEST(RunTime, OverItTheRunFailsWithThatReasonAndNothingIsLeft) {
  Started scene(limited());
  scene.project.add_workflow("long", shell_step("wait", kStubborn));
  ASSERT_TRUE(scene.run("r1", "long").ok);
  expect_ended_for_its_time(scene, "r1");
}

TEST(RunTime, IsKeptWithTheSupervisorDead) {
  Started scene(limited());
  scene.project.add_workflow("long", shell_step("wait", kStubborn));
  ASSERT_TRUE(scene.run("r1", "long").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  scene.daemon.kill();
  EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r1").empty(); }));
  scene.daemon.start();
  expect_ended_for_its_time(scene, "r1");
}

TEST(RunTime, OfAPauseIsNotCounted) {
  Started scene(limited());
  scene.project.add_workflow("ask", gate_step("gate"));
  ASSERT_TRUE(scene.run("r1", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  ASSERT_TRUE(
      throughout(milliseconds(2500), [&] { return scene.gateway.events("r1").size() == 1; }));
  const auto resumed = charter_daemon(scene.project, {"resume", "r1", "--approve"});
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

TEST(RunTime, StatusSaysWhatIsLimitedAndWhatIsNot) {
  Started scene(limited());
  const auto text = charter_daemon(scene.project, {"status"});
  EXPECT_THAT(text.out, HasSubstr("a run's time: 2.0 s"));
  EXPECT_THAT(text.out, HasSubstr("what a step prints: 64 MiB\n"));
  EXPECT_THAT(text.out, HasSubstr("a run's log: 16 MiB\n"));
  const auto json = charter_daemon(scene.project, {"status", "--json"});
  EXPECT_THAT(json.out, HasSubstr(R"("limits":{"run_time_max_ms":2000,"memory":null,)"));
  Started without;
  EXPECT_THAT(charter_daemon(without.project, {"status"}).out, HasSubstr("a run's time: none"));
}

}  // namespace
}  // namespace charter::tests
