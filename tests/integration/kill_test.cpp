// `kill`: final, whatever the run's processes do and whatever state the daemon is in.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::HasSubstr;

constexpr int kEscapees = 50;

// Processes that leave in every way a shell knows: own sessions, double forks, TERM ignored,
// environment wiped but for their mark. One forks as long as it lives.
std::string escaping_step(const std::string& log) {
  return shell_step("escape",
                    "i=0\n"
                    "while [ $i -lt " +
                        std::to_string(kEscapees - 1) +
                        " ]; do\n"
                        "  i=$((i + 1))\n"
                        "  setsid sh -c '(trap \"\" TERM HUP INT; echo $$ >> " +
                        log +
                        "; while :; do sleep 1000; done) &' &\n"
                        "done\n"
                        "setsid sh -c 'trap \"\" TERM; echo $$ >> " +
                        log +
                        "; while :; do sleep 0.01 & sleep 0.02; done' &\n"
                        "wait; while :; do sleep 1000; done");
}

class Kill : public ::testing::Test {
 protected:
  Kill() {
    scene.project.add_workflow("escape", escaping_step(log));
    scene.project.add_workflow("hold", hold_step("wait", "/nonexistent/file"));
    scene.project.add_workflow("still", shell_step("wait", "exec sleep 1000"));
    scene.project.add_workflow("hello", shell_step("greet", "true"));
  }
  void start(const std::string& run, const std::string& workflow) {
    ASSERT_TRUE(scene.run(run, workflow).ok);
    ASSERT_TRUE(scene.gateway.wait_for_event(run, "StepStartEvent"));
    if (workflow != "escape") return;
    ASSERT_TRUE(eventually(kRunTime, [&] { return lines_of(log).size() >= kEscapees; }));
  }
  Finished kill(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "kill");
    arguments.emplace_back("--json");
    return charter_daemon(scene.project, std::move(arguments));
  }
  // A run whose engine has paused and left, and whose guardian has not heard of it yet.
  pid_t start_and_stop_at_gate(const std::string& run) {
    const auto release = scene.project.scratch("release");
    scene.project.add_workflow("late", hold_step("wait", release) + gate_step("gate"));
    EXPECT_TRUE(scene.run(run, "late").ok);
    EXPECT_TRUE(scene.gateway.wait_for_event(run, "StepStartEvent"));
    const pid_t guardian = guardian_of(scene.daemon.socket(), run);
    const pid_t engine = engine_of(scene.daemon.socket(), run);
    EXPECT_GT(engine, 1);
    if (engine <= 1) return 0;
    ::kill(guardian, SIGSTOP);
    write_file(release, "");
    EXPECT_TRUE(scene.gateway.wait_for_event(run, "GatePendingEvent"));
    EXPECT_TRUE(eventually(kSoon, [&] { return !alive(engine); }));
    return guardian;
  }
  std::vector<pid_t> of_run(const std::string& run) const {
    return scene.project.processes_of(run);
  }

  Started scene;
  const std::string log = scene.project.scratch("escapees");
};

TEST_F(Kill, FiftyEscapingProcessesAreGoneWhenItAnswers) {
  start("r1", "escape");
  start("bystander", "still");
  ASSERT_GE(of_run("r1").size(), 50U);
  ASSERT_TRUE(eventually(kSoon, [&] {
    const auto pids = of_run("bystander");
    return pids.size() == 1 && command_line_of(pids[0]).starts_with("sleep");
  }));
  const auto others = of_run("bystander");
  const auto end = kill({"r1", "--grace", "0.3", "--note", "enough"});
  EXPECT_EQ(of_run("r1"), std::vector<pid_t>{});
  EXPECT_EQ(end.code, 0) << end.err;
  const auto report = boost::json::parse(end.out).as_object();
  EXPECT_EQ(text_of(report, "outcome"), "ended");
  EXPECT_EQ(text_of(report, "status"), "cancelled");
  EXPECT_EQ(report.at("asker_uid"), static_cast<std::int64_t>(getuid()));
  EXPECT_GE(report.at("elapsed_ms").to_number<int>(), 300);
  EXPECT_LT(report.at("elapsed_ms").to_number<int>(), 3000);
  EXPECT_EQ(report.at("left").as_array().size(), 0U);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  const auto last = scene.gateway.events("r1").back();
  EXPECT_EQ(text_of(last, "step_id"), "escape");
  EXPECT_EQ(text_of(last, "note"), "enough (by uid " + std::to_string(getuid()) + ")");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_EQ(of_run("bystander"), others) << "another run was touched";
}

TEST_F(Kill, GraceEndsEarlyWhenEverythingObeysTerm) {
  start("r1", "hold");
  const auto begin = Clock::now();
  EXPECT_EQ(kill({"r1", "--grace", "20"}).code, 0);
  EXPECT_LT(since(begin), seconds(5));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
}

TEST_F(Kill, TermComesBeforeTheGraceAndKillAfterIt) {
  const auto told = scene.project.scratch("told");
  scene.project.add_workflow(
      "polite", shell_step("tidy", "trap 'echo term >> " + told + "; exit 0' TERM\n" + "touch " +
                                       told + "; while :; do sleep 0.05; done"));
  ASSERT_TRUE(scene.run("r1", "polite").ok);
  ASSERT_TRUE(eventually(kSoon, [&] { return exists(told); }));
  EXPECT_EQ(kill({"r1", "--grace", "10"}).code, 0);
  EXPECT_EQ(read_file(told), "term\n");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
}

TEST_F(Kill, WorksThroughTheGuardianWhileTheDaemonIsStopped) {
  start("r1", "escape");
  scene.daemon.signal(SIGSTOP);
  const auto end = kill({"r1", "--grace", "0.3"});
  EXPECT_EQ(of_run("r1"), std::vector<pid_t>{});
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_EQ(text_of(boost::json::parse(end.out).as_object(), "by"), "guardian");
  EXPECT_THAT(read_file(scene.project.state_file("r1")), HasSubstr("\"status\": \"cancelled\""));
  scene.daemon.signal(SIGCONT);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST_F(Kill, WorksThroughTheGuardianWhileTheDaemonIsDead) {
  start("r1", "escape");
  scene.daemon.kill();
  const auto end = kill({"r1", "--grace", "0.3", "--note", "late"});
  EXPECT_EQ(of_run("r1"), std::vector<pid_t>{});
  EXPECT_EQ(end.code, 0) << end.err;
  scene.daemon.start();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_EQ(text_of(scene.gateway.events("r1").back(), "note"),
            "late (by uid " + std::to_string(getuid()) + ")");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST_F(Kill, StoppedGuardianAndEngineEndToo) {
  start("r1", "hold");
  const auto guardian = run_view(scene.daemon.socket(), "r1").at("guardian_pid").to_number<pid_t>();
  for (const pid_t pid : descendants_of(guardian)) ::kill(pid, SIGSTOP);
  EXPECT_EQ(kill({"r1", "--grace", "0.3"}).code, 0);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_EQ(of_run("r1"), std::vector<pid_t>{});
}

TEST_F(Kill, OfAFinishedRunSaysSo) {
  ASSERT_TRUE(scene.run("r1", "hello").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  const auto end = kill({"r1"});
  EXPECT_EQ(end.code, 0);
  const auto report = boost::json::parse(end.out).as_object();
  EXPECT_EQ(text_of(report, "outcome"), "already_finished");
  EXPECT_EQ(text_of(report, "status"), "completed");
  EXPECT_EQ(scene.gateway.event_kinds("r1").back(), "RunCompleteEvent");
}

TEST_F(Kill, OfAPausedRunIsARefusalAtItsGate) {
  scene.project.add_workflow("ask", gate_step("gate"));
  ASSERT_TRUE(scene.run("r1", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  EXPECT_EQ(kill({"r1", "--note", "no"}).code, 0);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_EQ(text_of(scene.gateway.events("r1").back(), "step_id"), "gate");
}

// Whether a kill request waits to be taken: signal 35, bit 34 of the mask.
bool has_untaken_kill(pid_t guardian) {
  const auto status = read_file("/proc/" + std::to_string(guardian) + "/status");
  const auto mask = status.find("ShdPnd:\t");
  return mask != std::string::npos &&
         (std::stoull(status.substr(mask + 8, 16), nullptr, 16) & (1ULL << 34U)) != 0;
}

TEST_F(Kill, ThatMeetsTheEndOfABurstAtAGateCancelsThere) {
  const pid_t guardian = start_and_stop_at_gate("r1");
  ASSERT_GT(guardian, 1);
  ChildSpec spec;
  spec.argv = {daemon_binary(), "kill", "r1", "--note", "no", "--grace", "0.5"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("kill");
  ChildProcess client(spec);
  ASSERT_TRUE(eventually(kSoon, [&] { return has_untaken_kill(guardian); }));
  ::kill(guardian, SIGCONT);
  const auto ending = client.wait();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, 0) << read_file(spec.output);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_THAT(scene.gateway.event_kinds("r1"),
              ::testing::ElementsAre("StepStartEvent", "StepCompleteEvent", "GatePendingEvent",
                                     "GateDecisionEvent", "RunCancelledEvent"));
}

TEST_F(Kill, ThatMeetsTheEndOfABurstWithoutADaemonCancelsThere) {
  ASSERT_GT(start_and_stop_at_gate("r1"), 1);
  scene.daemon.kill();
  const auto end = kill({"r1", "--grace", "0.5"});
  EXPECT_EQ(end.code, 0) << end.err;
  EXPECT_THAT(read_file(scene.project.state_file("r1")), HasSubstr("\"status\": \"cancelled\""));
  scene.daemon.start();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST_F(Kill, OfAnUnknownRunExitsFour) { EXPECT_EQ(kill({"nobody"}).code, 4); }

TEST_F(Kill, OfAPausedRunWithoutADaemonSaysThatThereIsNone) {
  scene.project.add_workflow("ask", gate_step("gate"));
  ASSERT_TRUE(scene.run("r1", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  scene.daemon.stop();
  EXPECT_EQ(kill({"r1"}).code, 3);
}

TEST_F(Kill, AskedTwiceAtOnceBothAnswer) {
  start("r1", "escape");
  ChildSpec spec;
  spec.argv = {daemon_binary(), "kill", "r1", "--grace", "0.5"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("first");
  ChildProcess first(spec);
  EXPECT_EQ(kill({"r1", "--grace", "0.5"}).code, 0);
  const auto ending = first.wait();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, 0);
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST(Leftovers, BackgroundProcessOfASuccessfulStepLivesUntilTheEnd) {
  Started scene;
  const auto release = scene.project.scratch("release");
  scene.project.add_workflow(
      "back", shell_step("start", "sleep 1000 >/dev/null 2>&1 &") + hold_step("wait", release));
  ASSERT_TRUE(scene.run("r1", "back").ok);
  ASSERT_TRUE(eventually(kRunTime, [&] { return scene.gateway.events("r1").size() >= 3; }));
  const auto background = [&] {
    std::size_t count = 0;
    for (const pid_t pid : scene.project.processes_of("r1")) {
      count += command_line_of(pid).find("1000") != std::string::npos ? 1U : 0U;
    }
    return count;
  };
  EXPECT_EQ(background(), 1U);
  write_file(release, "");
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_TRUE(eventually(kSoon, [&] { return background() == 0; }));
}

TEST(Leftovers, NothingIsLeftOfAFailedATimedOutOrARetriedStep) {
  Started scene;
  const auto stray = std::string("setsid sleep 1000 >/dev/null 2>&1 &\n");
  scene.project.add_workflow("failed", shell_step("a", stray + "exit 1"));
  scene.project.add_workflow("slow", shell_step("a", stray + "sleep 1000", "timeout: 1s"));
  scene.project.add_workflow(
      "again", shell_step("a", stray + "exit 1", "retry: {attempts: 3, delay_seconds: 0}"));
  for (const auto* workflow : {"failed", "slow", "again"}) {
    ASSERT_TRUE(scene.run(workflow, workflow).ok);
    ASSERT_EQ(scene.gateway.wait_for_end(workflow), "RunFailedEvent");
    EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of(workflow).empty(); }))
        << workflow;
  }
  EXPECT_EQ(scene.gateway.event_kinds("again").size(), 5U) << "start, two retries, failed, failed";
}

}  // namespace
}  // namespace charter::tests
