// Runs whose workers are lost, where somebody said that they shall go on: finished steps are done
// once, the interrupted one again, and a run that does not get on is given up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

DaemonOptions resuming() {
  DaemonOptions options;
  options.arguments = {"--on-lost", "resume"};
  return options;
}

// Four steps, each a line in `log`; the third waits for `release`, or, without one, for ever.
std::string four_steps(const std::string& log, const std::string& release) {
  const auto line = [&log](const char* id) {
    return "echo " + std::string(id) + " >> '" + log + "'";
  };
  return shell_step("one", line("one") + "\necho out", "outputs: {stdout: string}") +
         shell_step("two", line("two")) +
         shell_step("three",
                    line("three") + "\nwhile [ ! -e '" + release + "' ]; do sleep 0.02; done") +
         shell_step("four", line("four"));
}

class OnLost : public ::testing::Test {
 protected:
  // The worker at the third step dies as a whole; neither process can react to the other's death.
  static void kill_worker(const Started& scene, const std::string& run) {
    const pid_t guardian = guardian_of(scene.daemon.socket(), run);
    const pid_t engine = engine_of(scene.daemon.socket(), run);
    ASSERT_GT(guardian, 0);
    ASSERT_GT(engine, 0);
    ASSERT_TRUE(tests::kill_worker(guardian, engine));
    ASSERT_TRUE(eventually(kSoon, [&] { return !alive(guardian) && !alive(engine); }));
  }
  [[nodiscard]] bool at_third_step(const Started& scene, std::size_t times = 1) const {
    return eventually(kRunTime, [&] {
      const auto lines = lines_of(log(scene));
      return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), "three")) == times;
    });
  }
  [[nodiscard]] std::string log(const Started& scene) const { return scene.project.scratch("log"); }
  [[nodiscard]] std::string release(const Started& scene) const {
    return scene.project.scratch("release");
  }
  void add_plan(const Started& scene) const {
    scene.project.add_workflow("plan", four_steps(log(scene), release(scene)));
  }
  void expect_done_twice(Started& scene, const std::string& run) const {
    EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent");
    EXPECT_THAT(lines_of(log(scene)), ElementsAre("one", "two", "three", "three", "four"));
    EXPECT_EQ(scene.gateway.order_faults(run), "");
    EXPECT_THAT(
        scene.gateway.event_kinds(run),
        ElementsAre("StepStartEvent", "StepCompleteEvent", "StepStartEvent", "StepCompleteEvent",
                    "StepStartEvent", "StepStartEvent", "StepCompleteEvent", "StepStartEvent",
                    "StepCompleteEvent", "RunCompleteEvent"));
    EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of(run).empty(); }));
    const auto state = boost::json::parse(read_file(scene.project.state_file(run))).as_object();
    EXPECT_EQ(text_of(state, "status"), "completed");
    EXPECT_EQ(state.at("outputs").as_object().size(), 4U);
    EXPECT_EQ(text_of(state.at("outputs").as_object().at("one").as_object(), "stdout"), "out");
  }
};

TEST_F(OnLost, RunOfADeadWorkerFailsUnlessSomebodySaidOtherwise) {
  Started scene;
  add_plan(scene);
  ASSERT_TRUE(scene.run("r1", "plan").ok);
  ASSERT_TRUE(at_third_step(scene));
  kill_worker(scene, "r1");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  write_file(release(scene), "");
  EXPECT_THAT(lines_of(log(scene)), ElementsAre("one", "two", "three"));
}

TEST_F(OnLost, WithResumeOnlyTheInterruptedStepIsDoneAgain) {
  Started scene(resuming());
  add_plan(scene);
  ASSERT_TRUE(scene.run("r1", "plan").ok);
  ASSERT_TRUE(at_third_step(scene));
  kill_worker(scene, "r1");
  ASSERT_TRUE(at_third_step(scene, 2));
  write_file(release(scene), "");
  expect_done_twice(scene, "r1");
}

TEST_F(OnLost, CrashOfTheEngineAloneIsNoEndEither) {
  Started scene(resuming());
  add_plan(scene);
  ASSERT_TRUE(scene.run("r1", "plan").ok);
  ASSERT_TRUE(at_third_step(scene));
  kill(engine_of(scene.daemon.socket(), "r1"), SIGSEGV);
  ASSERT_TRUE(at_third_step(scene, 2));
  write_file(release(scene), "");
  expect_done_twice(scene, "r1");
}

TEST_F(OnLost, LostWithoutADaemonItGoesOnUnderTheNextOne) {
  Started scene(resuming());
  add_plan(scene);
  ASSERT_TRUE(scene.run("r1", "plan").ok);
  ASSERT_TRUE(at_third_step(scene));
  const pid_t guardian = guardian_of(scene.daemon.socket(), "r1");
  const pid_t engine = engine_of(scene.daemon.socket(), "r1");
  scene.daemon.kill();
  ASSERT_TRUE(tests::kill_worker(guardian, engine));
  ASSERT_TRUE(eventually(kSoon, [&] { return !alive(guardian) && !alive(engine); }));
  scene.daemon.start();
  ASSERT_TRUE(at_third_step(scene, 2));
  write_file(release(scene), "");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_THAT(lines_of(log(scene)), ElementsAre("one", "two", "three", "three", "four"));
}

TEST_F(OnLost, TheCallersChoiceGoesBeforeTheDaemons) {
  Started scene;
  add_plan(scene);
  const auto started =
      charter_daemon(scene.project, {"run", "plan", "--run-id", "r1", "--on-lost", "resume"});
  ASSERT_EQ(started.code, 0) << started.err;
  ASSERT_TRUE(at_third_step(scene));
  // The choice outlives the daemon that was told of it.
  scene.daemon.kill();
  scene.daemon.start();
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "executing"));
  kill_worker(scene, "r1");
  ASSERT_TRUE(at_third_step(scene, 2));
  write_file(release(scene), "");
  expect_done_twice(scene, "r1");
}

TEST_F(OnLost, TermIsAWishAndNoLoss) {
  Started scene(resuming());
  add_plan(scene);
  ASSERT_TRUE(scene.run("r1", "plan").ok);
  ASSERT_TRUE(at_third_step(scene));
  kill(guardian_of(scene.daemon.socket(), "r1"), SIGTERM);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_THAT(text_of(scene.gateway.events("r1").back(), "error"), StartsWith("interrupted: "));
  EXPECT_THAT(lines_of(log(scene)), ElementsAre("one", "two", "three"));
}

TEST_F(OnLost, KillThatCameBeforeTheLossEndsTheRun) {
  Started scene(resuming());
  add_plan(scene);
  ASSERT_TRUE(scene.run("r1", "plan").ok);
  ASSERT_TRUE(at_third_step(scene));
  const pid_t guardian = guardian_of(scene.daemon.socket(), "r1");
  const pid_t engine = engine_of(scene.daemon.socket(), "r1");
  kill(engine, SIGSTOP);
  kill(guardian, SIGSTOP);  // so that it cannot carry the kill out
  scene.gateway.send({{"type", "run.cancel"}, {"run_id", "r1"}, {"command_id", "c1"}});
  ASSERT_TRUE(eventually(
      kSoon, [&] { return text_of(run_view(scene.daemon.socket(), "r1"), "state") == "ending"; }));
  kill(guardian, SIGKILL);
  kill(engine, SIGKILL);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_THAT(lines_of(log(scene)), ElementsAre("one", "two", "three"));
}

TEST_F(OnLost, RunThatNeverGetsOnIsGivenUpAfterThreeBursts) {
  Started scene(resuming());
  // Ends its own worker: the shell's parent is the engine, whose parent is the guardian.
  const std::string deadly =
      "echo three >> '" + log(scene) +
      "'\nguardian=$(awk '{print $4}' /proc/$PPID/stat)\nkill -STOP $PPID\nkill -KILL $guardian\n"
      "kill -KILL $PPID\nsleep 1000";
  scene.project.add_workflow("deadly", shell_step("before", "true") + shell_step("die", deadly));
  ASSERT_TRUE(scene.run("r1", "deadly").ok);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_THAT(text_of(scene.gateway.events("r1").back(), "error"),
              HasSubstr("three times in a row before a step was finished"));
  // The burst that finished a step, and three that did not.
  EXPECT_THAT(lines_of(log(scene)), ElementsAre("three", "three", "three", "three"));
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_EQ(scene.gateway.event_kinds("r1").back(), "RunFailedEvent");
  EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r1").empty(); }));
}

TEST_F(OnLost, ApprovedGateIsNotAskedAgain) {
  Started scene(resuming());
  scene.project.add_workflow("plan", gate_step("gate") + four_steps(log(scene), release(scene)));
  ASSERT_TRUE(scene.run("r1", "plan").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
  ASSERT_EQ(charter_daemon(scene.project, {"resume", "r1", "--approve"}).code, 0);
  ASSERT_TRUE(at_third_step(scene));
  kill_worker(scene, "r1");
  ASSERT_TRUE(at_third_step(scene, 2));
  write_file(release(scene), "");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_THAT(lines_of(log(scene)), ElementsAre("one", "two", "three", "three", "four"));
  const auto kinds = scene.gateway.event_kinds("r1");
  EXPECT_EQ(std::count(kinds.begin(), kinds.end(), "GatePendingEvent"), 1);
}

// A supervisor that dies while a run waits to go on, or begins to.
TEST_F(OnLost, SupervisorMayDieAtAnyMomentOfIt) {
  Started scene(resuming());
  add_plan(scene);
  ASSERT_TRUE(scene.run("r1", "plan").ok);
  ASSERT_TRUE(at_third_step(scene));
  kill_worker(scene, "r1");
  for (int i = 0; i < 5; ++i) {
    const auto until = Clock::now() + milliseconds(7 * i);
    (void)eventually(seconds(1), [&] { return Clock::now() >= until; });
    scene.daemon.kill();
    scene.daemon.start();
  }
  ASSERT_TRUE(at_third_step(scene, 2));
  write_file(release(scene), "");
  expect_done_twice(scene, "r1");
}

}  // namespace
}  // namespace charter::tests
