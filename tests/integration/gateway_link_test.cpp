// What the gateway sees: order on a connection, reconnects, replay, and outages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

std::vector<std::string> keys_of(const boost::json::object& object) {
  std::vector<std::string> keys;
  for (const auto& member : object) keys.emplace_back(member.key());
  return keys;
}

// The messages of one connection, notes left out.
std::vector<Message> on_connection(RecordingGateway& gateway, unsigned number) {
  auto all = gateway.messages();
  std::erase_if(all, [&](const Message& message) {
    return message.connection != number || message.type.starts_with('!');
  });
  return all;
}

TEST(GatewayLink, RegistersFirstThenAnnouncesThenTells) {
  Started scene;
  scene.project.add_workflow("ask", shell_step("before", "true") + gate_step("gate"));
  ASSERT_TRUE(scene.run("r1", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  const auto first = on_connection(scene.gateway, 1);
  ASSERT_GE(first.size(), 5U);
  EXPECT_EQ(first[0].type, "worker.register");
  EXPECT_EQ(first[1].type, "run.announced");
  EXPECT_EQ(first[2].type, "run.event");

  EXPECT_THAT(keys_of(first[0].json),
              ElementsAre("type", "worker_id", "capabilities", "active_runs"));
  EXPECT_THAT(keys_of(first[1].json),
              ElementsAre("type", "run_id", "worker_id", "status", "workflow_path", "started_at"));
  EXPECT_THAT(keys_of(first[2].json), ElementsAre("type", "run_id", "worker_id", "seq",
                                                  "stream_seq", "occurred_at", "event"));
  EXPECT_TRUE(first[2].json.at("stream_seq").is_null());
  EXPECT_TRUE(text_of(first[1].json, "started_at").ends_with("Z"));
  EXPECT_TRUE(text_of(first[2].json, "occurred_at").ends_with("Z"));
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST(GatewayLink, ReconnectSendsActiveRunsAgainFromTheirFirstEvent) {
  Started scene;
  scene.project.add_workflow("ask", shell_step("before", "true") + gate_step("gate"));
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  ASSERT_TRUE(scene.run("done", "hello").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("done"), "RunCompleteEvent");
  ASSERT_TRUE(scene.run("r1", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));

  scene.gateway.drop_connections();
  ASSERT_TRUE(eventually(kSoon, [&] { return on_connection(scene.gateway, 2).size() >= 5; }));
  const auto second = on_connection(scene.gateway, 2);
  EXPECT_EQ(second[0].type, "worker.register");
  EXPECT_EQ(second[0].json.at("active_runs"), (boost::json::array{"r1"}));
  EXPECT_EQ(second[1].type, "run.announced");
  EXPECT_EQ(text_of(second[1].json, "status"), "paused");
  for (std::size_t seq = 0; seq < 3; ++seq) {
    EXPECT_EQ(second[2 + seq].type, "run.event");
    EXPECT_EQ(second[2 + seq].json.at("seq"), static_cast<std::int64_t>(seq));
  }
  for (const auto& message : second) EXPECT_NE(text_of(message.json, "run_id"), "done");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST(GatewayLink, ReplayUnconfirmedLeavesTheHistoryOut) {
  DaemonOptions options;
  options.arguments = {"--replay", "unconfirmed", "--heartbeat-interval", "0.2"};
  Started scene(options);
  scene.project.add_workflow("ask", shell_step("before", "true") + gate_step("gate"));
  ASSERT_TRUE(scene.run("r1", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  ASSERT_TRUE(eventually(kSoon, [&] {
    const auto view = run_view(scene.daemon.socket(), "r1");
    return view.contains("delivered") && view.at("delivered") == 3;
  }));
  scene.gateway.drop_connections();
  ASSERT_TRUE(scene.gateway.wait_for("worker.register", 2));
  ASSERT_TRUE(eventually(kSoon, [&] {
    const auto second = on_connection(scene.gateway, 2);
    return !second.empty() && second.back().type == "worker.heartbeat";
  }));
  for (const auto& message : on_connection(scene.gateway, 2)) EXPECT_NE(message.type, "run.event");
}

TEST(GatewayLink, HeartbeatsCountRunningAndPausedRuns) {
  DaemonOptions options;
  options.arguments = {"--heartbeat-interval", "0.2"};
  Started scene(options);
  const auto release = scene.project.scratch("release");
  scene.project.add_workflow("ask", gate_step("gate"));
  scene.project.add_workflow("hold", hold_step("wait", release));
  ASSERT_TRUE(scene.run("r1", "ask").ok);
  ASSERT_TRUE(scene.run("r2", "hold").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  ASSERT_TRUE(scene.gateway.wait_for_event("r2", "StepStartEvent"));
  const boost::json::object load{{"running", 1}, {"paused", 1}};
  EXPECT_TRUE(eventually(kSoon, [&] {
    const auto beats = scene.gateway.of_type("worker.heartbeat");
    return !beats.empty() && beats.back().json.at("load") == load;
  }));
  write_file(release, "");
}

TEST(GatewayLink, TokenIsSentAsABearer) {
  DaemonOptions options;
  options.environment = {{"CHARTER_GATEWAY_DAEMON_TOKEN", "  sesame-1234 "}};
  Started scene(options);
  ASSERT_TRUE(scene.gateway.wait_for("!open"));
  EXPECT_EQ(scene.gateway.of_type("!open").front().text, "!open Bearer sesame-1234");
}

TEST(GatewayLink, StartsWithoutAGatewayAndDeliversWhatHappenedMeanwhile) {
  ProjectFixture project;
  RecordingGateway gateway;
  project.add_workflow("hello", shell_step("greet", "true"));
  gateway.kill();
  DaemonOptions options;
  options.gateway = gateway.url();
  options.arguments = {"--connect-timeout", "0.3"};
  DaemonProcess daemon(project, options);
  ASSERT_TRUE(hand_off(daemon.socket(), {"r1", "hello", project.plan("hello"), {}, {}, {}}).ok);
  ASSERT_TRUE(eventually(kRunTime, [&] {
    return read_file(project.state_file("r1")).find("completed") != std::string::npos;
  }));
  gateway.restart();
  EXPECT_EQ(gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(gateway.order_faults("r1"), "");
  const auto announced = gateway.announcements("r1");
  ASSERT_FALSE(announced.empty());
  EXPECT_EQ(text_of(announced.front().json, "status"), "completed");
  EXPECT_THAT(gateway.of_type("worker.register").front().json.at("active_runs").as_array(),
              SizeIs(0));
}

TEST(GatewayLink, DeliveredRunIsNotToldAgainAfterARestart) {
  Started scene;
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  ASSERT_TRUE(scene.run("r1", "hello").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  ASSERT_TRUE(eventually(kSoon, [&] {
    const auto view = run_view(scene.daemon.socket(), "r1");
    return view.contains("delivered") && view.at("delivered") == 3;
  }));
  scene.daemon.stop();
  scene.daemon.start();
  ASSERT_TRUE(scene.run("r2", "hello").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("r2"), "RunCompleteEvent");
  for (const auto& message : on_connection(scene.gateway, 2)) {
    EXPECT_NE(text_of(message.json, "run_id"), "r1") << message.text;
  }
}

TEST(GatewayLink, LongRunDoesNotHoldUpAShortOne) {
  Started scene;
  // The first run leaves thousands of events to send when the gateway returns.
  scene.project.add_workflow("long", state_steps(3000));
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  scene.gateway.kill();
  ASSERT_TRUE(scene.run("long", "long").ok);
  ASSERT_TRUE(eventually(kRunTime, [&] {
    return read_file(scene.project.state_file("long")).find("\"status\": \"completed\"") !=
           std::string::npos;
  }));
  ASSERT_TRUE(scene.run("short", "hello").ok);
  ASSERT_TRUE(eventually(kRunTime, [&] {
    return read_file(scene.project.state_file("short")).find("\"status\": \"completed\"") !=
           std::string::npos;
  }));
  scene.gateway.restart();
  ASSERT_EQ(scene.gateway.wait_for_end("long"), "RunCompleteEvent");
  ASSERT_EQ(scene.gateway.wait_for_end("short"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("long"), "");
  std::int64_t short_end = 0;
  std::int64_t long_end = 0;
  for (const auto& message : scene.gateway.of_type("run.event")) {
    (text_of(message.json, "run_id") == "short" ? short_end : long_end) = message.at_ns;
  }
  EXPECT_LT(short_end, long_end);
}

}  // namespace
}  // namespace charter::tests
