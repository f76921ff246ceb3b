// What a run's processes inherit of the daemon: nothing that configures it, above all no token.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/process_table.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

constexpr auto kToken = "sesame-8d1f";

DaemonOptions with_everything_set() {
  DaemonOptions options;
  options.arguments = {"--log-level", "debug"};
  options.environment = {{"CHARTER_GATEWAY_DAEMON_TOKEN", kToken},
                         {"CHARTER_DAEMON_LOG_LEVEL", "debug"},
                         {"NOTIFY_SOCKET", "/run/systemd/notify"},
                         {"LISTEN_FDS", "0"},
                         {"WATCHDOG_USEC", "1000000000"},
                         {"INVOCATION_ID", "abc"},
                         {"KEPT", "yes"}};
  return options;
}

TEST(Isolation, TokenIsInNoChildsEnvironmentCommandLineOrLog) {
  Started scene(with_everything_set());
  const auto release = scene.project.scratch("release");
  scene.project.add_workflow("hold", hold_step("wait", release));
  ASSERT_TRUE(scene.run("r1", "hold").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  ASSERT_TRUE(eventually(kSoon, [&] { return !scene.project.processes_of("r1").empty(); }));
  const auto below = descendants_of(scene.daemon.pid());
  EXPECT_GE(below.size(), 3U) << "guardian, engine, step";
  for (const pid_t pid : below) {
    const auto variables = environment_of(pid);
    if (variables.empty()) continue;  // it has ended meanwhile
    EXPECT_EQ(variables.find(kToken), std::string::npos) << command_line_of(pid);
    for (const auto* name : {"CHARTER_GATEWAY", "CHARTER_DAEMON_", "NOTIFY_SOCKET", "LISTEN_FDS",
                             "WATCHDOG_USEC", "INVOCATION_ID"}) {
      EXPECT_EQ(variables.find(name), std::string::npos) << name << " " << command_line_of(pid);
    }
    EXPECT_THAT(variables, HasSubstr("KEPT=yes"));
    EXPECT_EQ(command_line_of(pid).find(kToken), std::string::npos);
  }
  EXPECT_EQ(command_line_of(scene.daemon.pid()).find(kToken), std::string::npos);
  write_file(release, "");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  scene.daemon.stop();
  EXPECT_EQ(scene.daemon.log().find(kToken), std::string::npos);
  ChildSpec search;
  search.argv = {"grep", "-r", kToken, scene.project.root()};
  const auto found = run_to_end(search);
  EXPECT_EQ(found.code, 1) << found.out;
}

std::vector<std::string> foreign_descriptors(pid_t step) {
  std::vector<std::string> all = descriptors_of(step);
  std::erase_if(all, [](const std::string& descriptor) {
    return descriptor.starts_with("0 -> /dev/null") || descriptor.starts_with("1 -> pipe:") ||
           descriptor.starts_with("2 -> pipe:");
  });
  return all;
}

TEST(Isolation, StepHasOnlyItsOwnDescriptorsAndDefaultSignals) {
  Started scene(with_everything_set());
  // Not a shell: its own descriptors would be in the way.
  scene.project.add_workflow("hold", shell_step("wait", "exec sleep 300"));
  ASSERT_TRUE(scene.run("r1", "hold").ok);
  pid_t step = 0;
  ASSERT_TRUE(eventually(kSoon, [&] {
    for (const pid_t pid : scene.project.processes_of("r1")) {
      if (command_line_of(pid).starts_with("sleep")) step = pid;
    }
    return step != 0;
  }));
  // The program opens files of its own for a moment when it begins; what was inherited stays.
  EXPECT_TRUE(eventually(kSoon, [&] { return foreign_descriptors(step).empty(); }))
      << ::testing::PrintToString(foreign_descriptors(step));
  const auto status = read_file("/proc/" + std::to_string(step) + "/status");
  EXPECT_THAT(status, HasSubstr("SigBlk:\t0000000000000000"));
  EXPECT_THAT(status, HasSubstr("SigIgn:\t0000000000000000"));
}

TEST(Isolation, StepRunsInTheProjectRootWithNothingOnItsInput) {
  Started scene;
  scene.project.add_workflow("where",
                             shell_step("say", "pwd; cat; umask", "outputs: {stdout: string}"));
  ASSERT_TRUE(scene.run("r1", "where").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  const mode_t mask = umask(0);
  umask(mask);
  char expected[16];
  std::snprintf(expected, sizeof expected, "%04o", static_cast<unsigned>(mask));
  EXPECT_EQ(text_of(scene.gateway.events("r1").at(1).at("outputs").as_object(), "stdout"),
            scene.project.root() + "\n" + expected);
}

TEST(Isolation, SensitiveValuesReachNeitherTheWireNorTheLog) {
  Started scene(with_everything_set());
  scene.project.add_workflow("secret",
                             shell_step("use", "echo \"got $password\" >&2; exit 3",
                                        "inputs: {password: {from: password, sensitive: true}}"));
  ASSERT_TRUE(scene.run("r1", "secret", {{"password", "hunter2-77"}}).ok);
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  for (const auto& message : scene.gateway.messages()) {
    EXPECT_EQ(message.text.find("hunter2-77"), std::string::npos) << message.text;
  }
  EXPECT_EQ(scene.daemon.log().find("hunter2-77"), std::string::npos);
}

}  // namespace
}  // namespace charter::tests
