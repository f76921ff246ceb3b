// `wait`: one or several runs, to their ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

enum Exit { kFine, kRunFailed, kUsage, kNoDaemon, kUnknownRun, kRefused, kLeft, kOther };

class Wait : public ::testing::Test {
 protected:
  Wait() {
    scene.project.add_workflow("hello", shell_step("greet", "true"));
    scene.project.add_workflow("fails", shell_step("stop", "echo why >&2; exit 3"));
    scene.project.add_workflow("hold", hold_step("wait", release));
    scene.project.add_workflow("gates", gate_step("g1") + gate_step("g2"));
  }
  Finished charter(std::vector<std::string> arguments) const {
    return charter_daemon(scene.project, std::move(arguments));
  }
  void run(const std::string& workflow, const std::string& id) const {
    ASSERT_EQ(charter({"run", workflow, "--run-id", id}).code, kFine);
  }

  Started scene;
  const std::string release = scene.project.scratch("release");
};

TEST_F(Wait, EndsAsTheRunHasEndedOrEnds) {
  run("hello", "r1");
  run("fails", "r2");
  const auto done = charter({"wait", "r1"});
  EXPECT_EQ(done.code, kFine) << done.err;
  EXPECT_EQ(done.out, "");
  EXPECT_EQ(done.err, "Run r1 completed\n");
  EXPECT_EQ(scene.gateway.wait_for_end("r2"), "RunFailedEvent");
  const auto failed = charter({"wait", "r2", "--json"});
  EXPECT_EQ(failed.code, kRunFailed);
  EXPECT_EQ(failed.out,
            R"({"run_id":"r2","status":"failed","error":"Shell step 'stop' failed with exit code )"
            "3: why\",\"outputs\":{},\"exit_code\":1}\n");
}

TEST_F(Wait, TakesSeveralAndTellsOfEachAsItEnds) {
  run("hold", "r1");
  run("hello", "r2");
  run("fails", "r3");
  ChildSpec spec;
  spec.argv = {daemon_binary(), "wait", "r1", "r2", "r3", "r2", "--json"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("out");
  ChildProcess waiting(spec);
  ASSERT_TRUE(eventually(kRunTime, [&] { return lines_of(spec.output).size() == 2; }));
  EXPECT_TRUE(waiting.running());
  write_file(release, "");
  const auto ending = waiting.wait(kRunTime);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kRunFailed) << "one of them has failed";
  const auto lines = lines_of(spec.output);
  ASSERT_EQ(lines.size(), 3U);
  EXPECT_EQ(lines[2],
            R"({"run_id":"r1","status":"completed","error":null,"outputs":{},"exit_code":0})");
}

TEST_F(Wait, OneUnknownRunIsEnoughForItsExitCode) {
  run("hold", "r1");
  const auto end = charter({"wait", "r1", "nobody"});
  EXPECT_EQ(end.code, kUnknownRun);
  EXPECT_THAT(end.err, HasSubstr("nobody"));
  EXPECT_EQ(charter({"wait"}).code, kUsage);
  EXPECT_EQ(charter({"wait", "r1", "--timeout", "soon"}).code, kUsage);
  EXPECT_EQ(charter({"wait", "r1", "--timeout=-1"}).code, kUsage);
}

TEST_F(Wait, GivesUpAfterItsTimeout) {
  run("hold", "r1");
  run("hello", "r2");
  ASSERT_EQ(charter({"wait", "r2"}).code, kFine);
  const auto begun = Clock::now();
  const auto end = charter({"wait", "r1", "r2", "--timeout", "0.5"});
  EXPECT_GE(since(begun), milliseconds(500));
  EXPECT_EQ(end.code, kOther);
  EXPECT_EQ(end.err, "Run r2 completed\nError: Not ended within 0.5 s: r1\n");
}

TEST_F(Wait, TellsOfEachPauseOnceAndOfNoneThatIsOver) {
  run("gates", "r1");
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
  ASSERT_EQ(charter({"resume", "r1", "--approve"}).code, kFine);
  ASSERT_TRUE(eventually(kRunTime, [&] {
    return text_of(run_view(scene.daemon.socket(), "r1"), "step") == "g2" &&
           text_of(run_view(scene.daemon.socket(), "r1"), "state") == "paused";
  }));
  ChildSpec spec;
  spec.argv = {daemon_binary(), "wait", "r1"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("out");
  ChildProcess waiting(spec);
  ASSERT_TRUE(eventually(
      kSoon, [&] { return read_file(spec.output).find("gate 'g2'") != std::string::npos; }));
  ASSERT_EQ(charter({"resume", "r1", "--deny", "--note", "no"}).code, kFine);
  const auto ending = waiting.wait(kRunTime);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kRunFailed);
  EXPECT_EQ(read_file(spec.output),
            "Run r1 waits at gate 'g2'. Answer it with: charter-daemon resume r1 --approve (or "
            "--deny)\nRun r1 was cancelled: no\n");
}

TEST_F(Wait, OutlivesARestartOfTheDaemon) {
  run("hello", "done");
  ASSERT_EQ(charter({"wait", "done"}).code, kFine);
  run("hold", "r1");
  run("hold", "r2");
  ChildSpec spec;
  spec.argv = {daemon_binary(), "wait", "done", "r1", "r2"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("out");
  ChildProcess waiting(spec);
  ASSERT_TRUE(scene.gateway.wait_for_event("r2", "StepStartEvent"));
  // Told when the daemon has been asked about all of them.
  ASSERT_TRUE(eventually(kSoon, [&] { return lines_of(spec.output).size() == 1; }));
  scene.daemon.kill();
  ASSERT_TRUE(eventually(
      kSoon, [&] { return read_file(spec.output).find("is gone; waiting") != std::string::npos; }));
  scene.daemon.start();
  write_file(release, "");
  const auto ending = waiting.wait(kRunTime);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kFine) << read_file(spec.output);
}

TEST_F(Wait, SaysThatThereIsNoDaemon) {
  scene.daemon.stop();
  EXPECT_EQ(charter({"wait", "r1"}).code, kNoDaemon);
}

}  // namespace
}  // namespace charter::tests
