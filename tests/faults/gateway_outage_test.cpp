// The gateway may freeze, die, or drop the line: every event arrives after it is back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

DaemonOptions quick_heartbeat() {
  DaemonOptions options;
  options.arguments = {"--heartbeat-interval", "0.3"};
  return options;
}

bool completed(const Started& scene, const std::string& run) {
  return read_file(scene.project.state_file(run)).find("\"status\": \"completed\"") !=
         std::string::npos;
}

TEST(GatewayOutage, FrozenAndThenKilledItHasEveryEventAfterItReturns) {
  Started scene(quick_heartbeat());
  scene.project.add_workflow("many", state_steps(270));
  ASSERT_TRUE(scene.gateway.wait_for("worker.register"));
  for (int round = 0; round < 3; ++round) {
    const auto run = "r" + std::to_string(round);
    scene.gateway.signal(SIGSTOP);
    ASSERT_TRUE(scene.run(run, "many").ok);
    ASSERT_TRUE(eventually(kRunTime, [&] { return completed(scene, run); }))
        << "a run must not wait for the gateway";
    ASSERT_TRUE(scene.gateway.wait_until_nothing_moves());
    scene.gateway.restart();
    EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent");
    EXPECT_EQ(scene.gateway.order_faults(run), "");
    EXPECT_EQ(scene.gateway.events(run).size(), 541U);
  }
}

TEST(GatewayOutage, FrozenForAWhileItGoesOnWhereItWas) {
  Started scene(quick_heartbeat());
  scene.project.add_workflow("many", state_steps(270));
  ASSERT_TRUE(scene.gateway.wait_for("worker.register"));
  scene.gateway.signal(SIGSTOP);
  ASSERT_TRUE(scene.run("r1", "many").ok);
  ASSERT_TRUE(eventually(kRunTime, [&] { return completed(scene, "r1"); }));
  scene.gateway.signal(SIGCONT);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST(GatewayOutage, FrozenGatewayIsNoticedAndSaid) {
  Started scene(quick_heartbeat());
  ASSERT_TRUE(scene.gateway.wait_for("worker.register"));
  scene.gateway.signal(SIGSTOP);
  EXPECT_TRUE(eventually(seconds(10), [&] {
    const auto lines = control(scene.daemon.socket(), "status");
    return !lines.empty() &&
           text_of(lines.back().at("daemon").at("gateway").as_object(), "state") != "up";
  }));
  scene.gateway.signal(SIGCONT);
}

TEST(GatewayOutage, ConnectionsResetUnderLoadLoseNothing) {
  Started scene(quick_heartbeat());
  std::string steps;
  for (int i = 0; i < 60; ++i) steps += shell_step("s" + std::to_string(i), "sleep 0.02");
  scene.project.add_workflow("steady", steps);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(scene.run("r" + std::to_string(i), "steady").ok);
  for (std::size_t drop = 1; drop <= 5; ++drop) {
    ASSERT_TRUE(scene.gateway.wait_for("worker.register", drop));
    scene.gateway.drop_connections();
  }
  for (int i = 0; i < 4; ++i) {
    const auto run = "r" + std::to_string(i);
    EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent") << run;
    EXPECT_EQ(scene.gateway.order_faults(run), "") << run;
    EXPECT_EQ(scene.gateway.events(run).size(), 121U) << run;
  }
}

TEST(GatewayOutage, FrozenGatewayAndKilledDaemonTogetherLoseNothing) {
  Started scene(quick_heartbeat());
  scene.project.add_workflow("many", state_steps(270));
  ASSERT_TRUE(scene.gateway.wait_for("worker.register"));
  scene.gateway.signal(SIGSTOP);
  ASSERT_TRUE(scene.run("r1", "many").ok);
  ASSERT_TRUE(eventually(kRunTime, [&] { return completed(scene, "r1"); }));
  ASSERT_TRUE(scene.gateway.wait_until_nothing_moves());
  scene.daemon.kill();
  scene.gateway.restart();
  scene.daemon.start();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

}  // namespace
}  // namespace charter::tests
