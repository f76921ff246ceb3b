// `charter-daemon start`: options, variables, the configuration file and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

// Runs `start` with these arguments until it gives up by itself.
Finished refused_start(const ProjectFixture& project, std::vector<std::string> arguments,
                       std::map<std::string, std::string> environment = {}) {
  arguments.insert(arguments.begin(), {"start", "--project-path", project.root()});
  return charter_daemon(project, std::move(arguments), std::move(environment));
}

boost::json::object registered(RecordingGateway& gateway) {
  if (!gateway.wait_for("worker.register")) return {};
  return gateway.of_type("worker.register").back().json;
}

TEST(Options, FlagBeatsEnvironmentBeatsFile) {
  ProjectFixture project;
  RecordingGateway gateway;
  write_file(project.scratch("config"),
             "max-runs = 7\nworker-id = of-the-file\nheartbeat-interval = 0.1\n");
  DaemonOptions options;
  options.gateway = gateway.url();
  options.arguments = {"--config", project.scratch("config")};
  options.environment = {{"CHARTER_DAEMON_MAX_RUNS", "9"},
                         {"CHARTER_DAEMON_WORKER_ID", "of-the-environment"}};
  DaemonProcess daemon(project, options);
  const auto message = registered(gateway);
  EXPECT_EQ(text_of(message, "worker_id"), "tested") << "the flag";
  EXPECT_EQ(message.at("capabilities").at("max_runs"), 9) << "the environment";
  EXPECT_TRUE(gateway.wait_for("worker.heartbeat", 2, seconds(3))) << "the file";
}

TEST(Options, EveryVariableAloneStartsADaemon) {
  ProjectFixture project;
  RecordingGateway gateway;
  const auto socket = project.scratch("s.sock");
  ChildSpec spec;
  spec.argv = {daemon_binary(), "start"};
  spec.set = {{"CHARTER_PROJECT_PATH", project.root()},
              {"CHARTER_GATEWAY", gateway.url()},
              {"CHARTER_DAEMON_WORKER_ID", "w"},
              {"CHARTER_DAEMON_MAX_RUNS", "3"},
              {"CHARTER_DAEMON_HEARTBEAT_INTERVAL", "0.2"},
              {"CHARTER_DAEMON_RECONNECT_DELAY", "0.1"},
              {"CHARTER_DAEMON_CONNECT_TIMEOUT", "3"},
              {"CHARTER_DAEMON_SOCKET", socket},
              {"CHARTER_DAEMON_LOG_LEVEL", "debug"},
              {"TEST_MARK", project.mark()}};
  spec.output = project.scratch("daemon.log");
  ChildProcess daemon(spec);
  EXPECT_TRUE(eventually(kSoon, [&] { return can_connect(socket); })) << read_file(spec.output);
  const auto message = registered(gateway);
  EXPECT_EQ(text_of(message, "worker_id"), "w");
  EXPECT_EQ(message.at("capabilities").at("max_runs"), 3);
  EXPECT_TRUE(gateway.wait_for("worker.heartbeat", 2, seconds(5)));
}

TEST(Options, EmptyVariableCountsAsUnset) {
  DaemonOptions options;
  options.environment = {{"CHARTER_DAEMON_MAX_RUNS", ""}, {"CHARTER_DAEMON_SOCKET", ""}};
  Started scene(options);
  EXPECT_EQ(registered(scene.gateway).at("capabilities").at("max_runs"), 4);
}

TEST(Options, RelativeSocketPathIsTakenFromTheProject) {
  DaemonOptions options;
  options.arguments = {"--socket-path", "s.sock"};
  ProjectFixture project;
  RecordingGateway gateway;
  options.gateway = gateway.url();
  options.socket = project / "s.sock";
  DaemonProcess daemon(project, options);
  EXPECT_TRUE(can_connect(project / "s.sock"));
}

TEST(Options, DataDirectoryMayLieElsewhere) {
  ProjectFixture project;
  RecordingGateway gateway;
  DaemonOptions options;
  options.gateway = gateway.url();
  options.arguments = {"--data-dir", project.scratch("data")};
  DaemonProcess daemon(project, options);
  EXPECT_TRUE(exists(project.scratch("data")));
  EXPECT_FALSE(exists(project / ".charter/daemon"));
  EXPECT_EQ(mode_of(project.scratch("data")), 0700U);
}

// The limits of steps and integrations, each given another way.
class Limits : public ::testing::Test {
 protected:
  static DaemonOptions limited(std::vector<std::string> arguments,
                               std::map<std::string, std::string> environment = {}) {
    DaemonOptions options;
    options.arguments = std::move(arguments);
    options.environment = std::move(environment);
    return options;
  }
  // Hands off a run of one step whose integration is this shell script.
  static void run_integration(const Started& scene, const std::string& script) {
    write_file(scene.project.scratch("i.sh"), script);
    scene.project.add_workflow(
        "w", "  - {id: s, type: step, uses: capability/i, outputs: {o: object}}\n");
    HandOff request{"r1", "w", scene.project.plan("w"), {}, {}, nullptr};
    request.capabilities["capability/i"] = {{"kind", "subprocess"},
                                            {"command", {"/bin/sh", scene.project.scratch("i.sh")}},
                                            {"env", nullptr},
                                            {"env_secret_refs", nullptr},
                                            {"secrets_registry", boost::json::object()}};
    const Answer answer = hand_off(scene.daemon.socket(), request);
    ASSERT_TRUE(answer.ok) << answer.error;
  }
  static std::string error_of(RecordingGateway& gateway) {
    const bool ended = gateway.wait_for_end("r1") == "RunFailedEvent";
    return ended ? text_of(gateway.events("r1").back(), "error") : "not failed";
  }
};

constexpr const char* kReply =
    "read -r line; printf '{\"jsonrpc\":\"2.0\",\"id\":\"1\",\"result\":{}}\\n'\n"
    "read -r line; printf '{\"jsonrpc\":\"2.0\",\"id\":\"2\",\"result\":{\"value\":{%s}}}\\n' "
    "\"$X\"\n";

TEST_F(Limits, AStepThatPrintsMoreThanItMayFailsWithThatReason) {
  Started scene(
      limited({"--step-output-max", "4096"}, {{"CHARTER_DAEMON_STEP_OUTPUT_MAX", "9999"}}));
  scene.project.add_workflow(
      "w", shell_step("fits", "head -c 4000 /dev/zero | tr '\\0' x; head -c 96 /dev/zero >&2") +
               shell_step("over", "head -c 4000 /dev/zero; head -c 97 /dev/zero >&2; sleep 1000"));
  ASSERT_TRUE(scene.run("r1", "w").ok);
  EXPECT_EQ(error_of(scene.gateway), "Step 'over' printed more than 4 KiB");
  EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r1").empty(); }));
}

TEST_F(Limits, AnAnswerOfAnIntegrationCountsAsAStepsOutput) {
  Started scene(limited({}, {{"CHARTER_DAEMON_STEP_OUTPUT_MAX", "1500"}}));
  run_integration(scene,
                  "X='\"a\":\"'$(head -c 1500 /dev/zero | tr '\\0' x)'\"'\n" + std::string(kReply));
  EXPECT_EQ(
      error_of(scene.gateway),
      "Integration for capability 'capability/i' answered 'execute' with more than 1500 bytes");
}

TEST_F(Limits, AnIntegrationHasItsTimeToBeSetUp) {
  ProjectFixture files;
  write_file(files.scratch("config"), "integration-setup-timeout = 0.3\n");
  Started scene(limited({"--config", files.scratch("config")}));
  run_integration(scene, "sleep 1000\n");
  EXPECT_EQ(error_of(scene.gateway),
            "Integration for capability 'capability/i' did not answer 'setup' within 300 ms");
}

TEST_F(Limits, AnIntegrationHasItsTimeToBeTornDown) {
  Started scene(limited({"--integration-teardown-timeout=0.3"}));
  run_integration(scene, std::string(kReply) + "sleep 1000\n");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  const auto log = scene.project / ".charter/daemon/workers.log";
  EXPECT_TRUE(eventually(kSoon, [&] {
    return read_file(log).find("did not answer 'teardown' within 300 ms") != std::string::npos;
  })) << read_file(log);
}

TEST(Options, SaysAtStartWhatItServes) {
  DaemonOptions options;
  options.environment = {{"CHARTER_GATEWAY_DAEMON_TOKEN", "sesame-1234"}};
  Started scene(options);
  EXPECT_TRUE(eventually(
      kSoon, [&] { return scene.daemon.log().find(scene.project.root()) != std::string::npos; }));
  EXPECT_THAT(scene.daemon.log(), HasSubstr(scene.daemon.socket()));
  EXPECT_EQ(scene.daemon.log().find("sesame"), std::string::npos);
}

struct BadStart {
  std::string name;
  std::vector<std::string> arguments;
  std::string named;  // must appear on stderr
};

void PrintTo(const BadStart& start, std::ostream* out) { *out << start.name; }

class BadStarts : public ::testing::TestWithParam<BadStart> {};

TEST_P(BadStarts, AreRefusedNamingTheOption) {
  ProjectFixture project;
  const auto end = refused_start(project, GetParam().arguments);
  EXPECT_THAT(end.code, ::testing::AnyOf(1, 2)) << end.err;
  EXPECT_THAT(end.err, HasSubstr(GetParam().named));
  EXPECT_FALSE(exists(project.socket()));
}

INSTANTIATE_TEST_SUITE_P(
    Options, BadStarts,
    ::testing::Values(
        BadStart{"UnknownOption", {"--max-run", "4"}, "--max-run"},
        BadStart{"MaxRunsOfZero", {"--max-runs", "0"}, "--max-runs"},
        BadStart{"MaxRunsOfText", {"--max-runs", "many"}, "--max-runs"},
        BadStart{"HeartbeatOfZero", {"--heartbeat-interval", "0"}, "--heartbeat-interval"},
        BadStart{"NegativeDelay", {"--reconnect-delay=-1"}, "--reconnect-delay"},
        BadStart{"ConnectTimeoutOfZero", {"--connect-timeout", "0"}, "--connect-timeout"},
        BadStart{"StepOutputOfNothing", {"--step-output-max", "0"}, "--step-output-max"},
        BadStart{
            "SetupInNoTime", {"--integration-setup-timeout", "0"}, "--integration-setup-timeout"},
        BadStart{"TeardownInNegativeTime",
                 {"--integration-teardown-timeout=-1"},
                 "--integration-teardown-timeout"},
        BadStart{"UnknownLogLevel", {"--log-level", "loud"}, "--log-level"},
        BadStart{"GatewayWithAPath", {"--gateway", "http://127.0.0.1:1/x"}, "--gateway"},
        BadStart{"GatewayWithAQuery", {"--gateway", "http://127.0.0.1:1?x=1"}, "--gateway"},
        BadStart{"GatewayOfAnotherScheme", {"--gateway", "ftp://127.0.0.1"}, "--gateway"},
        BadStart{"GatewayWithoutAHost", {"--gateway", "http://"}, "--gateway"},
        BadStart{"MissingConfigFile", {"--config", "/nonexistent/file"}, "/nonexistent/file"}),
    [](const auto& each) { return each.param.name; });

TEST(Options, UnknownKeyOfTheConfigFileIsNamed) {
  ProjectFixture project;
  write_file(project.scratch("config"), "max-runs = 2\nmax-rums = 3\n");
  const auto end = refused_start(project, {"--config", project.scratch("config")});
  EXPECT_NE(end.code, 0);
  EXPECT_THAT(end.err, HasSubstr("max-rums"));
}

TEST(Options, ProjectWithoutCharterYmlIsRefused) {
  ProjectFixture project;
  ASSERT_EQ(unlink((project / "charter.yml").c_str()), 0);
  const auto end = refused_start(project, {});
  EXPECT_EQ(end.code, 1);
  EXPECT_THAT(end.err, HasSubstr("charter.yml"));
}

TEST(Options, MissingProjectPathIsAUsageError) {
  ProjectFixture project;
  const auto end = charter_daemon(project, {"start"});
  EXPECT_EQ(end.code, 2);
  EXPECT_THAT(end.err, HasSubstr("--project-path"));
}

TEST(Options, SocketPathOver107BytesNamesTheVariable) {
  ProjectFixture project;
  const auto end = refused_start(project, {"--socket-path", project / std::string(100, 's')});
  EXPECT_EQ(end.code, 1);
  EXPECT_THAT(end.err, HasSubstr("CHARTER_DAEMON_SOCKET"));
}

TEST(Options, TokenOverPlainWebSocketToAPublicAddressIsRefused) {
  ProjectFixture project;
  const auto end = refused_start(project, {"--gateway", "http://192.0.2.1:1"},
                                 {{"CHARTER_GATEWAY_DAEMON_TOKEN", "sesame-1234"}});
  EXPECT_NE(end.code, 0);
  EXPECT_THAT(end.err, HasSubstr("--insecure-token"));
  EXPECT_EQ(end.err.find("sesame"), std::string::npos);
}

TEST(Options, VersionNamesEveryFormat) {
  ProjectFixture project;
  const auto end = charter_daemon(project, {"--version"});
  EXPECT_EQ(end.code, 0);
  for (const auto* format : {"ledger", "journal", "control", "doorbell"}) {
    EXPECT_THAT(end.out, HasSubstr(format));
  }
}

}  // namespace
}  // namespace charter::tests
