// The supervisor may die at any moment: runs go on, nothing is lost, nothing happens twice.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <random>

#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

constexpr int kKills = 20;
constexpr int kSteps = 80;

// Steps that each append their number to $log; a step that ran twice shows.
std::string counting_steps() {
  std::string steps;
  for (int i = 0; i < kSteps; ++i) {
    const auto number = std::to_string(i);
    steps += shell_step("s" + number, "echo " + number + " >> \"$log\"; sleep 0.03",
                        "inputs: {log: log}");
  }
  return steps;
}

std::vector<std::string> counted() {
  std::vector<std::string> lines;
  for (int i = 0; i < kSteps; ++i) lines.push_back(std::to_string(i));
  return lines;
}

TEST(SupervisorKills, TwentyKillsLoseNoEventAndRepeatNoStep) {
  Started scene;  // four slots, so two of the six runs begin under a later daemon
  scene.project.add_workflow("count", counting_steps());
  std::vector<std::string> runs;
  for (int i = 0; i < 6; ++i) {
    runs.push_back("r" + std::to_string(i));
    ASSERT_TRUE(scene.run(runs.back(), "count", {{"log", scene.project.scratch(runs.back())}}).ok);
  }
  ASSERT_TRUE(scene.gateway.wait_for_event("r0", "StepStartEvent"));
  const pid_t engine = engine_of(scene.daemon.socket(), "r0");
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> life(0, 150);
  for (int i = 0; i < kKills; ++i) {
    const auto until = Clock::now() + milliseconds(life(random));
    (void)eventually(seconds(1), [&] { return Clock::now() >= until; });
    scene.daemon.kill();
    scene.daemon.start();
    if (i == 0) {
      EXPECT_EQ(engine_of(scene.daemon.socket(), "r0"), engine) << "the same engine";
    }
  }
  for (const auto& run : runs) {
    EXPECT_EQ(scene.gateway.wait_for_end(run, 2 * kRunTime), "RunCompleteEvent") << run;
    EXPECT_EQ(scene.gateway.order_faults(run), "") << run;
    EXPECT_EQ(scene.gateway.events(run).size(), 2U * kSteps + 1) << run;
    EXPECT_EQ(lines_of(scene.project.scratch(run)), counted()) << run;
  }
}

TEST(SupervisorKills, KilledWithTheGatewayDownItStillTellsEverything) {
  Started scene;
  scene.project.add_workflow("count", counting_steps());
  ASSERT_TRUE(scene.run("r1", "count", {{"log", scene.project.scratch("r1")}}).ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  scene.gateway.kill();
  ASSERT_TRUE(
      eventually(kRunTime, [&] { return lines_of(scene.project.scratch("r1")).size() > 20; }));
  scene.daemon.kill();
  ASSERT_TRUE(eventually(kRunTime, [&] {
    return read_file(scene.project.state_file("r1")).find("\"status\": \"completed\"") !=
           std::string::npos;
  })) << "the run goes on without a daemon";
  scene.daemon.start();
  scene.gateway.restart();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_EQ(lines_of(scene.project.scratch("r1")), counted());
}

TEST(SupervisorKills, AnsweredHandOffsSurviveAKillRightBehindTheAnswer) {
  Started scene;
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  for (int i = 0; i < 10; ++i) {
    const auto run = "r" + std::to_string(i);
    const Answer answer = scene.run(run, "hello");
    ASSERT_TRUE(answer.ok) << answer.raw;
    scene.daemon.kill();
    scene.daemon.start();
  }
  for (int i = 0; i < 10; ++i) {
    const auto run = "r" + std::to_string(i);
    EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent") << run;
    EXPECT_EQ(scene.gateway.order_faults(run), "") << run;
  }
}

TEST(SupervisorKills, ApprovalsTakeEffectOnceAcrossKills) {
  Started scene;
  std::string steps;
  for (int i = 0; i < 6; ++i) {
    steps += gate_step("g" + std::to_string(i)) +
             shell_step("s" + std::to_string(i), "echo " + std::to_string(i) + " >> \"$log\"",
                        "inputs: {log: log}");
  }
  scene.project.add_workflow("gates", steps);
  ASSERT_TRUE(scene.run("r1", "gates", {{"log", scene.project.scratch("log")}}).ok);
  for (int i = 0; i < 6; ++i) {
    const auto gates = [&] {
      const auto kinds = scene.gateway.event_kinds("r1");
      return std::count(kinds.begin(), kinds.end(), "GatePendingEvent");
    };
    ASSERT_TRUE(eventually(kRunTime, [&] { return gates() == i + 1; }));
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
    const auto answer =
        control(scene.daemon.socket(), "resume", {{"run_id", "r1"}, {"approved", true}});
    ASSERT_FALSE(answer.empty());
    ASSERT_EQ(answer.back().at("ok"), true) << boost::json::serialize(answer.back());
    scene.daemon.kill();
    scene.daemon.start();
  }
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_THAT(lines_of(scene.project.scratch("log")),
              ::testing::ElementsAre("0", "1", "2", "3", "4", "5"));
}

TEST(SupervisorKills, AcceptedCancelCompletesAfterTheKill) {
  DaemonOptions options;
  options.arguments = {"--kill-grace", "1"};
  Started scene(options);
  const auto marker = scene.project.scratch("never");
  // Deaf to TERM, so the kill is still under way when the daemon dies.
  scene.project.add_workflow("deaf", shell_step("wait", "trap '' TERM; while [ ! -e " + marker +
                                                            " ]; do sleep 0.05; done"));
  ASSERT_TRUE(scene.run("r1", "deaf").ok);
  ASSERT_TRUE(eventually(kSoon, [&] { return !scene.project.processes_of("r1").empty(); }));
  scene.gateway.send({{"type", "run.cancel"}, {"run_id", "r1"}, {"note", "enough"}});
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "ending"));
  scene.daemon.kill();
  scene.daemon.start();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_EQ(text_of(scene.gateway.events("r1").back(), "note"), "enough");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_TRUE(scene.project.processes_of("r1").empty());
}

}  // namespace
}  // namespace charter::tests
