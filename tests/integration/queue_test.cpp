// --max-runs: how many runs execute at once, and what waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/process_table.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

DaemonOptions slots(const std::string& count) {
  DaemonOptions options;
  options.arguments = {"--max-runs", count, "--heartbeat-interval", "0.2"};
  return options;
}

class OneSlot : public ::testing::Test {
 protected:
  OneSlot() : scene(slots("1")) {
    scene.project.add_workflow("hold", hold_step("wait", release));
    scene.project.add_workflow("hello", shell_step("greet", "true"));
    scene.project.add_workflow("ask", gate_step("gate") + hold_step("wait", release));
  }
  // Takes the only slot, until let_go().
  void occupy() {
    ASSERT_TRUE(scene.run("first", "hold").ok);
    ASSERT_TRUE(scene.gateway.wait_for_event("first", "StepStartEvent"));
  }
  void let_go() const { write_file(release, ""); }
  std::string state_of(const std::string& run) const {
    return text_of(run_view(scene.daemon.socket(), run), "state");
  }

  Started scene;
  const std::string release = scene.project.scratch("release");
};

TEST_F(OneSlot, RunOverTheLimitWaitsAsPendingAndIsNotAnnounced) {
  occupy();
  ASSERT_TRUE(scene.run("second", "hello").ok);
  const bool written =
      eventually(kSoon, [&] { return exists(scene.project.state_file("second")); });
  ASSERT_TRUE(written);
  const auto state = boost::json::parse(read_file(scene.project.state_file("second"))).as_object();
  EXPECT_EQ(text_of(state, "status"), "pending");
  EXPECT_EQ(text_of(state, "run_id"), "second");
  EXPECT_EQ(state_of("second"), "queued");
  EXPECT_TRUE(throughout(milliseconds(600), [&] {
    return scene.gateway.announcements("second").empty() && state_of("second") == "queued";
  }));
  const boost::json::object load{{"running", 1}, {"paused", 0}};
  EXPECT_EQ(scene.gateway.of_type("worker.heartbeat").back().json.at("load"), load);
  let_go();
  EXPECT_EQ(scene.gateway.wait_for_end("second"), "RunCompleteEvent");
  EXPECT_EQ(text_of(scene.gateway.announcements("second").front().json, "status"), "running");
}

TEST_F(OneSlot, RunsBeginInTheOrderTheyWereAccepted) {
  occupy();
  const auto log = scene.project.scratch("order");
  scene.project.add_workflow("log",
                             shell_step("append", "echo \"$me\" >> " + log, "inputs: {me: me}"));
  std::vector<std::string> expected;
  for (int i = 0; i < 8; ++i) {
    const auto run = "q" + std::to_string(i);
    ASSERT_TRUE(scene.run(run, "log", {{"me", run}}).ok);
    expected.push_back(run);
  }
  let_go();
  for (const auto& run : expected) ASSERT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent");
  EXPECT_EQ(lines_of(log), expected);
}

TEST_F(OneSlot, QueueSurvivesAKilledDaemonInItsOrder) {
  occupy();
  const auto log = scene.project.scratch("order");
  scene.project.add_workflow("log",
                             shell_step("append", "echo \"$me\" >> " + log, "inputs: {me: me}"));
  std::vector<std::string> expected;
  for (int i = 0; i < 5; ++i) {
    const auto run = "q" + std::to_string(i);
    ASSERT_TRUE(scene.run(run, "log", {{"me", run}}).ok);
    expected.push_back(run);
  }
  scene.daemon.kill();
  scene.daemon.start();
  EXPECT_EQ(state_of("q3"), "queued");
  let_go();
  for (const auto& run : expected) {
    ASSERT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent");
    EXPECT_EQ(scene.gateway.order_faults(run), "");
  }
  EXPECT_EQ(lines_of(log), expected);
}

TEST_F(OneSlot, PausedRunHoldsNoSlot) {
  ASSERT_TRUE(scene.run("paused", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("paused", "GatePendingEvent"));
  ASSERT_TRUE(scene.run("next", "hello").ok);
  EXPECT_EQ(scene.gateway.wait_for_end("next"), "RunCompleteEvent");
}

TEST_F(OneSlot, ResumedRunGoesBeforeNewOnesAndStaysPausedUntilItHasASlot) {
  ASSERT_TRUE(scene.run("resumed", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("resumed", "GatePendingEvent"));
  occupy();
  ASSERT_TRUE(scene.run("new", "hello").ok);
  scene.gateway.send({{"type", "run.resume"}, {"run_id", "resumed"}, {"approved", true}});
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "resumed", "queued"));
  EXPECT_THAT(read_file(scene.project.state_file("resumed")), HasSubstr("\"status\": \"paused\""));
  EXPECT_EQ(scene.gateway.event_kinds("resumed").back(), "GatePendingEvent");
  let_go();
  ASSERT_EQ(scene.gateway.wait_for_end("resumed"), "RunCompleteEvent");
  ASSERT_EQ(scene.gateway.wait_for_end("new"), "RunCompleteEvent");
  std::int64_t resumed_at = 0;
  std::int64_t new_at = 0;
  for (const auto& message : scene.gateway.of_type("run.event")) {
    const auto run = text_of(message.json, "run_id");
    if (run == "resumed" && message.json.at("seq") == 1) resumed_at = message.at_ns;
    if (run == "new" && message.json.at("seq") == 0) new_at = message.at_ns;
  }
  EXPECT_LT(resumed_at, new_at);
}

TEST_F(OneSlot, RunCancelledInTheQueueIsAnnouncedCancelledWithOneEvent) {
  occupy();
  ASSERT_TRUE(scene.run("second", "hello").ok);
  scene.gateway.send({{"type", "run.cancel"}, {"run_id", "second"}, {"note", "changed my mind"}});
  EXPECT_EQ(scene.gateway.wait_for_end("second"), "RunCancelledEvent");
  const auto events = scene.gateway.events("second");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(text_of(events[0], "step_id"), "");
  EXPECT_EQ(text_of(events[0], "note"), "changed my mind");
  const auto announced = scene.gateway.announcements("second");
  ASSERT_EQ(announced.size(), 1U);
  EXPECT_EQ(text_of(announced[0].json, "status"), "cancelled");
  EXPECT_THAT(read_file(scene.project.state_file("second")),
              HasSubstr("\"status\": \"cancelled\""));
  let_go();
  EXPECT_EQ(scene.gateway.wait_for_end("first"), "RunCompleteEvent");
}

TEST(QueueWidth, AsManyRunsExecuteAsThereAreSlotsAndNoMore) {
  Started scene(slots("3"));
  const auto log = scene.project.scratch("load");
  // Each run notes how many are inside at once, itself included.
  scene.project.add_workflow(
      "count", shell_step("enter",
                          "mkdir -p " + log + "; touch " + log + "/$me; ls " + log +
                              " | wc -l >> " + log + ".max; sleep 0.1; rm " + log + "/$me",
                          "inputs: {me: me}"));
  for (int i = 0; i < 12; ++i) {
    const auto run = "r" + std::to_string(i);
    ASSERT_TRUE(scene.run(run, "count", {{"me", run}}).ok);
  }
  for (int i = 0; i < 12; ++i) {
    ASSERT_EQ(scene.gateway.wait_for_end("r" + std::to_string(i)), "RunCompleteEvent");
  }
  int most = 0;
  for (const auto& line : lines_of(log + ".max")) most = std::max(most, std::stoi(line));
  EXPECT_LE(most, 3);
  EXPECT_GE(most, 2);
}

}  // namespace
}  // namespace charter::tests
