// Starting, stopping and coming back: the daemon's own life, with runs that do not depend on it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>

#include "tests/support/process_table.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

constexpr milliseconds kStopTime{1000};

TEST(Lifecycle, SocketIsPrivateInAPrivatePlace) {
  Started scene;
  EXPECT_EQ(mode_of(scene.daemon.socket()), 0600U);
  EXPECT_EQ(mode_of(scene.project / ".charter/daemon"), 0700U);
}

TEST(Lifecycle, ModeOfTheCharterDirectoryIsLeftAlone) {
  ProjectFixture project;
  RecordingGateway gateway;
  write_file(project / ".charter/kept", "");
  ASSERT_EQ(chmod((project / ".charter").c_str(), 0775), 0);
  DaemonOptions options;
  options.gateway = gateway.url();
  DaemonProcess daemon(project, options);
  EXPECT_EQ(mode_of(project / ".charter"), 0775U);
}

TEST(Lifecycle, SecondDaemonOnTheProjectIsRefusedAndTheFirstServesOn) {
  Started scene;
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  for (const auto* socket : {"", "elsewhere.sock"}) {
    std::vector<std::string> arguments{"start", "--project-path", scene.project.root()};
    if (*socket != '\0') arguments.insert(arguments.end(), {"--socket-path", socket});
    const auto second = charter_daemon(scene.project, arguments);
    EXPECT_EQ(second.code, 1) << second.err;
    EXPECT_NE(second.err, "");
  }
  EXPECT_TRUE(can_connect(scene.daemon.socket()));
  ASSERT_TRUE(scene.run("r1", "hello").ok);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

TEST(Lifecycle, SocketThatAnswersIsNeverTakenWhoeverListens) {
  ProjectFixture project;
  write_file(project / ".charter/x", "");
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, project.socket().c_str());
  const int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(listen(listener, 128), 0);
  const auto end = charter_daemon(project, {"start", "--project-path", project.root()});
  EXPECT_EQ(end.code, 1);
  EXPECT_THAT(end.err, HasSubstr(project.socket()));
  EXPECT_TRUE(can_connect(project.socket()));
  close(listener);
}

TEST(Lifecycle, FileThatIsNoSocketIsNeverRemoved) {
  ProjectFixture project;
  write_file(project.socket(), "precious");
  const auto end = charter_daemon(project, {"start", "--project-path", project.root()});
  EXPECT_EQ(end.code, 1);
  EXPECT_EQ(read_file(project.socket()), "precious");
}

TEST(Lifecycle, StaleSocketOfAKilledDaemonIsReplaced) {
  Started scene;
  scene.daemon.kill();
  ASSERT_TRUE(exists(scene.daemon.socket()));
  scene.daemon.start();
  EXPECT_TRUE(can_connect(scene.daemon.socket()));
}

class StopSignals : public ::testing::TestWithParam<int> {};

TEST_P(StopSignals, EndTheSupervisorAtOnceAndLeaveRunsAlone) {
  Started scene;
  const auto release = scene.project.scratch("release");
  scene.project.add_workflow("hold", hold_step("wait", release) + shell_step("after", "true"));
  ASSERT_TRUE(scene.run("r1", "hold").ok);
  ASSERT_TRUE(scene.run("r2", "hold").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  ASSERT_TRUE(scene.gateway.wait_for_event("r2", "StepStartEvent"));

  const auto start = Clock::now();
  scene.daemon.signal(GetParam());
  const auto ending = scene.daemon.wait();
  ASSERT_TRUE(ending.has_value());
  EXPECT_LT(since(start), kStopTime);
  EXPECT_EQ(ending->code, 0);
  EXPECT_FALSE(exists(scene.daemon.socket()));
  EXPECT_THAT(scene.daemon.log(), HasSubstr("2 executing runs go on"));

  // Without a supervisor the runs go on to their end, and their state files say so.
  write_file(release, "");
  for (const auto* run : {"r1", "r2"}) {
    EXPECT_TRUE(eventually(kRunTime, [&] {
      return read_file(scene.project.state_file(run)).find("\"status\": \"completed\"") !=
             std::string::npos;
    })) << run;
  }
  scene.daemon.start();
  for (const auto* run : {"r1", "r2"}) {
    EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent");
    EXPECT_EQ(scene.gateway.order_faults(run), "");
  }
}

INSTANTIATE_TEST_SUITE_P(Lifecycle, StopSignals, ::testing::Values(SIGTERM, SIGINT),
                         [](const auto& each) { return each.param == SIGTERM ? "Term" : "Int"; });

// A request that lies there when the daemon looks is carried out while connections are accepted.
TEST(Lifecycle, StopByRequestLeavesNothingToWarnOf) {
  Started scene;
  scene.daemon.signal(SIGSTOP);
  const int client = connect_to(scene.daemon.socket());
  ASSERT_GE(client, 0);
  const std::string request =
      "{\"type\":\"control\",\"version\":1,\"op\":\"stop\",\"runs\":false}\n";
  ASSERT_EQ(send(client, request.data(), request.size(), MSG_NOSIGNAL),
            static_cast<ssize_t>(request.size()));
  scene.daemon.signal(SIGCONT);
  const auto ending = scene.daemon.wait();
  close(client);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, 0);
  EXPECT_EQ(scene.daemon.log().find("Cannot accept"), std::string::npos) << scene.daemon.log();
}

TEST(Lifecycle, StopIsQuickWithAGatewayThatIsFrozen) {
  Started scene;
  ASSERT_TRUE(scene.gateway.wait_for("worker.register"));
  scene.gateway.signal(SIGSTOP);
  EXPECT_LT(scene.daemon.stop(), kStopTime);
}

TEST(Lifecycle, ExecutingRunIsAdoptedByTheNextDaemon) {
  Started scene;
  const auto release = scene.project.scratch("release");
  scene.project.add_workflow("hold", hold_step("wait", release));
  ASSERT_TRUE(scene.run("r1", "hold").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  const auto guardian = run_view(scene.daemon.socket(), "r1").at("guardian_pid");
  scene.daemon.kill();
  scene.daemon.start();
  EXPECT_TRUE(reaches_state(scene.daemon.socket(), "r1", "executing", seconds(2)));
  EXPECT_EQ(run_view(scene.daemon.socket(), "r1").at("guardian_pid"), guardian);
  write_file(release, "");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST(Lifecycle, PausedRunIsApprovedAfterARestart) {
  Started scene;
  scene.project.add_workflow("ask", gate_step("gate") + shell_step("after", "true"));
  ASSERT_TRUE(scene.run("r1", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  scene.daemon.kill();
  scene.daemon.start();
  ASSERT_TRUE(scene.gateway.wait_for("worker.register", 2));
  scene.gateway.send({{"type", "run.resume"}, {"run_id", "r1"}, {"approved", true}});
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST(Lifecycle, PausedRunHasNoProcess) {
  Started scene;
  scene.project.add_workflow("ask", gate_step("gate"));
  ASSERT_TRUE(scene.run("r1", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  EXPECT_TRUE(eventually(kSoon, [&] { return descendants_of(scene.daemon.pid()).empty(); }));
  EXPECT_TRUE(eventually(kSoon, [&] {
    return with_variable("TEST_MARK", scene.project.mark()).size() == 1;
  })) << "only the daemon itself is left";
}

}  // namespace
}  // namespace charter::tests
