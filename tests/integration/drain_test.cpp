// drain: a daemon that ends, or stands idle, without ending a run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

constexpr int kFine = 0;
constexpr int kUsage = 2;
constexpr int kRefused = 5;

DaemonOptions one_slot() {
  DaemonOptions options;
  options.arguments = {"--max-runs", "1"};
  return options;
}

class Draining : public ::testing::Test {
 protected:
  Draining() : scene(one_slot()) {
    scene.project.add_workflow("hold", hold_step("wait", release));
    scene.project.add_workflow("hello", shell_step("greet", "true"));
    scene.project.add_workflow("ask", gate_step("gate"));
  }
  void begin(const std::string& run) const {
    ASSERT_TRUE(scene.run(run, "hold").ok);
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), run, "executing"));
  }
  void pause(const std::string& run) const {
    ASSERT_TRUE(scene.run(run, "ask").ok);
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), run, "paused"));
  }
  void let_go() const { write_file(release, ""); }
  std::string state_of(const std::string& run) const {
    return text_of(run_view(scene.daemon.socket(), run), "state");
  }
  [[nodiscard]] Finished charter(const std::vector<std::string>& arguments) const {
    return charter_daemon(scene.project, arguments);
  }
  // The command that waits; what it prints goes to `said`.
  [[nodiscard]] ChildProcess wait_for_drain() const {
    ChildSpec spec;
    spec.argv = {daemon_binary(), "drain", "--wait", "--project-path", scene.project.root()};
    spec.output = said;
    return ChildProcess(spec);
  }
  boost::json::value drain_in_status() const {
    return control(scene.daemon.socket(), "status").back().at("daemon").at("drain");
  }

  Started scene;
  const std::string release = scene.project.scratch("release");
  const std::string said = scene.project.scratch("drain.out");
};

// A daemon is to be replaced while a run executes, another waits in the queue and one at a gate.
TEST_F(Draining, ExecutingRunsEndThenTheDaemonAndTheOthersWaitForTheNext) {
  pause("paused");
  begin("first");
  ASSERT_TRUE(scene.run("queued", "hello").ok);
  EXPECT_TRUE(drain_in_status().is_null());

  const auto drained = charter({"drain"});
  ASSERT_EQ(drained.code, kFine) << drained.err;
  EXPECT_THAT(drained.out, HasSubstr("Executing: 1; waiting: 1 queued, 1 paused."));
  EXPECT_EQ(drain_in_status().at("done"), false);
  EXPECT_THAT(charter({"status"}).out, HasSubstr("takes no new runs since"));

  // From the CLI's side, from ours, and from the gateway.
  const auto refused = scene.run("new", "hello");
  EXPECT_FALSE(refused.ok);
  EXPECT_EQ(refused.error, "The daemon is draining: it takes no new runs");
  const auto answer =
      control(scene.daemon.socket(), "run", {{"workflow", "hello"}, {"run_id", "new"}});
  EXPECT_EQ(text_of(answer.back(), "code"), "draining");
  EXPECT_EQ(charter({"run", "hello"}).code, kRefused);
  scene.gateway.send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "hello"}});
  ASSERT_TRUE(scene.gateway.wait_for("command.result"));
  const auto result = scene.gateway.of_type("command.result").back().json;
  EXPECT_EQ(result.at("ok"), false);
  EXPECT_THAT(text_of(result, "message"), HasSubstr("draining"));
  EXPECT_TRUE(scene.daemon.running());

  let_go();
  EXPECT_EQ(scene.gateway.wait_for_end("first"), "RunCompleteEvent");
  const auto end = scene.daemon.wait();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->code, 0);
  EXPECT_TRUE(scene.gateway.announcements("queued").empty());

  scene.daemon.start();
  EXPECT_EQ(scene.gateway.wait_for_end("queued"), "RunCompleteEvent");
  EXPECT_EQ(state_of("paused"), "paused");
  EXPECT_TRUE(drain_in_status().is_null());
  EXPECT_TRUE(scene.run("new", "hello").ok);
}

// An approval is taken while the daemon drains, and carried out when it does not any more.
TEST_F(Draining, NothingBeginsUntilItIsTakenBack) {
  pause("paused");
  begin("first");
  ASSERT_TRUE(scene.run("queued", "hello").ok);
  ASSERT_EQ(charter({"drain", "--stay"}).code, kFine);
  EXPECT_EQ(charter({"resume", "paused", "--approve"}).code, kFine);
  let_go();
  EXPECT_EQ(scene.gateway.wait_for_end("first"), "RunCompleteEvent");
  ASSERT_TRUE(eventually(kSoon, [&] { return drain_in_status().at("done") == true; }));
  EXPECT_TRUE(throughout(milliseconds(500), [&] {
    return scene.daemon.running() && scene.gateway.announcements("queued").empty() &&
           scene.gateway.event_kinds("paused").back() == "GatePendingEvent";
  }));

  const auto back = charter({"drain", "--off"});
  EXPECT_EQ(back.code, kFine) << back.err;
  EXPECT_EQ(scene.gateway.wait_for_end("paused"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.wait_for_end("queued"), "RunCompleteEvent");
  EXPECT_TRUE(scene.run("new", "hello").ok);
}

// A run that waits is cancelled: its end is written, though nothing begins.
TEST_F(Draining, WaitingRunsCanBeEnded) {
  pause("paused");
  ASSERT_EQ(charter({"drain", "--stay"}).code, kFine);
  EXPECT_EQ(charter({"kill", "paused"}).code, kFine);
  EXPECT_EQ(scene.gateway.wait_for_end("paused"), "RunCancelledEvent");
}

// A script waits for the end of the daemon before it goes on.
TEST_F(Draining, WaitEndsWithTheDaemonAndNotBefore) {
  begin("first");
  ChildProcess drain = wait_for_drain();
  ASSERT_TRUE(eventually(kSoon, [&] { return drain_in_status().is_object(); }));
  EXPECT_TRUE(throughout(milliseconds(500), [&] { return drain.running(); }));
  let_go();
  const auto end = drain.wait();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->code, kFine);
  EXPECT_THAT(read_file(said), HasSubstr("The daemon has ended."));
  EXPECT_FALSE(can_connect(scene.daemon.socket()));
  EXPECT_TRUE(scene.daemon.wait().has_value());
}

// Somebody waits for a drain that somebody else takes back.
TEST_F(Draining, WaitSaysThatItWasTakenBack) {
  begin("first");
  ChildProcess drain = wait_for_drain();
  ASSERT_TRUE(eventually(kSoon, [&] { return drain_in_status().is_object(); }));
  ASSERT_EQ(charter({"drain", "--off"}).code, kFine);
  const auto end = drain.wait();
  ASSERT_TRUE(end.has_value());
  EXPECT_EQ(end->code, kRefused);
  EXPECT_THAT(read_file(said), HasSubstr("taken back"));
  let_go();
  EXPECT_EQ(scene.gateway.wait_for_end("first"), "RunCompleteEvent");
  EXPECT_TRUE(scene.daemon.running());
}

TEST_F(Draining, WhatMakesNoSenseIsRefusedWithItsReason) {
  const auto none = charter({"drain", "--off"});
  EXPECT_EQ(none.code, kRefused);
  EXPECT_THAT(none.err, HasSubstr("does not drain"));
  EXPECT_EQ(charter({"drain", "--off", "--wait"}).code, kUsage);
  const auto both = control(scene.daemon.socket(), "drain", {{"off", true}, {"stay", true}}).back();
  EXPECT_THAT(text_of(both, "error"), HasSubstr("stay: "));
  EXPECT_TRUE(drain_in_status().is_null());
}

// Without anything to wait for, the daemon ends at once.
TEST_F(Draining, IdleDaemonEnds) {
  pause("paused");
  EXPECT_EQ(charter({"drain", "--wait"}).code, kFine);
  EXPECT_TRUE(scene.daemon.wait().has_value());
}

}  // namespace
}  // namespace charter::tests
