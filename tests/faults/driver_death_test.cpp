// Whoever dies while a storage driver has a run's state: the driver hears how the run ended, by
// its state and its events, as the gateway does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <sstream>

#include "tests/support/injection.h"
#include "tests/support/process_table.h"
#include "tests/support/python_project.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::ElementsAre;

namespace fs = std::filesystem;

struct Death {
  std::string name;
  bool guardian = false;
  bool engine = false;
  bool daemon_down = false;
};

void PrintTo(const Death& death, std::ostream* out) { *out << death.name; }

class DriverDeath : public ::testing::TestWithParam<Death> {
 protected:
  void SetUp() override {
    if (testing_the_reference()) GTEST_SKIP() << "the reference has no worker to lose";
    if (const auto why = why_no_toolchain(); !why.empty()) GTEST_SKIP() << why;
    DaemonOptions options;
    options.arguments = arguments();
    use_toolchain(options);
    scene.emplace(options);
    add_environment(scene->project);
    add_driver(scene->project, scene->project.scratch("there"));
  }
  virtual std::vector<std::string> arguments() const { return {}; }
  std::string held(const std::string& name) const { return scene->project / ("held/" + name); }
  std::vector<std::string> stored_kinds(const std::string& run) const {
    std::vector<std::string> kinds;
    std::istringstream lines(read_file(held(run + ".events")));
    for (std::string line; std::getline(lines, line);) {
      kinds.push_back(text_of(boost::json::parse(line).as_object(), "kind"));
    }
    return kinds;
  }
  // Whoever is to die, alone: what is below stays.
  void lose(pid_t guardian, pid_t engine) {
    if (GetParam().daemon_down) scene->daemon.kill();
    if (GetParam().guardian && GetParam().engine) {
      ASSERT_TRUE(kill_worker(guardian, engine));
    } else {
      kill(GetParam().guardian ? guardian : engine, SIGKILL);
    }
    ASSERT_TRUE(eventually(kSoon, [&] { return !alive(engine); }));
    if (GetParam().daemon_down) scene->daemon.start();
  }
  std::optional<Started> scene;
};

TEST_P(DriverDeath, IsToldToTheDriver) {
  scene->project.add_workflow("victim",
                              shell_step("before", "true") + shell_step("open", "sleep 1000"));
  ASSERT_TRUE(scene->run("r1", "victim").ok);
  ASSERT_TRUE(eventually(kRunTime, [&] { return scene->gateway.events("r1").size() == 3; }));
  const pid_t guardian = guardian_of(scene->daemon.socket(), "r1");
  const pid_t engine = engine_of(scene->daemon.socket(), "r1");
  ASSERT_GT(guardian, 0);
  ASSERT_GT(engine, 0);
  ASSERT_NO_FATAL_FAILURE(lose(guardian, engine));

  EXPECT_EQ(scene->gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_EQ(scene->gateway.order_faults("r1"), "");
  const auto events = scene->gateway.event_kinds("r1");
  EXPECT_THAT(events, ElementsAre("StepStartEvent", "StepCompleteEvent", "StepStartEvent",
                                  "StepFailedEvent", "RunFailedEvent"));
  EXPECT_EQ(stored_kinds("r1"), events);
  for (const auto& message : scene->gateway.of_type("run.event")) {
    EXPECT_EQ(message.json.at("stream_seq").as_int64(), 1000 + message.json.at("seq").as_int64());
  }
  const auto state = boost::json::parse(read_file(held("r1.json"))).as_object();
  EXPECT_EQ(text_of(state, "status"), "failed");
  EXPECT_EQ(text_of(state, "error"), text_of(scene->gateway.events("r1").back(), "error"));
  EXPECT_EQ(state, boost::json::parse(read_file(scene->project.state_file("r1"))).as_object());
  EXPECT_TRUE(eventually(kSoon, [&] { return scene->project.processes_of("r1").empty(); }));
}

INSTANTIATE_TEST_SUITE_P(Of, DriverDeath,
                         ::testing::Values(Death{"Engine", false, true, false},
                                           Death{"Guardian", true, false, false},
                                           Death{"Both", true, true, false},
                                           Death{"BothWithTheDaemonDown", true, true, true}),
                         [](const auto& death) { return death.param.name; });

// The worker of a run that outlives it dies between the words of the run's end.
class DriverEnd : public DriverDeath {
 protected:
  std::vector<std::string> arguments() const override { return {"--on-lost", "resume"}; }
  std::string socket() const { return scene->daemon.socket(); }
  std::string log() const { return scene->project.scratch("log"); }
  std::string stall(const std::string& kind) const { return held("stall-" + kind); }

  // A run of one step, whose driver waits before it takes an event of that kind.
  void begin(const std::string& kind, const std::string& command) {
    fs::create_directories(held(""));
    write_file(stall(kind), "");
    scene->project.add_workflow("ends",
                                shell_step("only", "echo only >> '" + log() + "'\n" + command,
                                           "outputs: {stdout: string}"));
    ASSERT_TRUE(scene->run("r1", "ends").ok);
    ASSERT_TRUE(eventually(kRunTime, [&] { return engine_of(socket(), "r1") > 0; }));
    guardian_ = guardian_of(socket(), "r1");
    engine_ = engine_of(socket(), "r1");
  }
  // With all that is below it, so that the driver takes nothing of it later.
  template <class Kill>
  void lose_worker(Kill kill_engine) {
    const auto below = descendants_of(engine_);
    const bool whole = GetParam().guardian;
    if (whole) kill(guardian_, SIGSTOP);
    if (GetParam().daemon_down) scene->daemon.kill();
    kill_engine(engine_);
    ASSERT_TRUE(eventually(kSoon, [&] { return !alive(engine_); }));
    for (const pid_t pid : below) kill(pid, SIGKILL);
    if (whole) kill(guardian_, SIGKILL);
    if (GetParam().daemon_down) scene->daemon.start();
  }
  void lose_worker_alone() { lose(guardian_, engine_); }
  void expect_one_end(const std::vector<std::string>& kinds, const std::string& status) {
    EXPECT_EQ(scene->gateway.wait_for_end("r1"), kinds.back());
    EXPECT_TRUE(reaches_state(socket(), "r1", "finished"));
    EXPECT_EQ(scene->gateway.order_faults("r1"), "");
    EXPECT_EQ(scene->gateway.event_kinds("r1"), kinds);
    EXPECT_EQ(stored_kinds("r1"), kinds);
    EXPECT_THAT(lines_of(log()), ElementsAre("only")) << "no step is done twice";
    const auto state = boost::json::parse(read_file(scene->project.state_file("r1"))).as_object();
    EXPECT_EQ(text_of(state, "status"), status);
    EXPECT_EQ(text_of(boost::json::parse(read_file(held("r1.json"))).as_object(), "status"),
              status);
  }

 private:
  pid_t guardian_ = 0;
  pid_t engine_ = 0;
};

TEST_P(DriverEnd, ComesOnceWhereTheEngineDiesBehindTheTerminalEvent) {
  if (!Injection::possible()) GTEST_SKIP() << "strace is not installed";
  const std::string last = "RunCompleteEvent";
  begin(last, "echo out");
  // From here on the state file is saved once more: when the event is in the journal.
  ASSERT_TRUE(eventually(kRunTime, [&] {
    return read_file(held("r1.json")).find("\"completed\"") != std::string::npos &&
           read_file(scene->project.state_file("r1")).find("\"out\"") != std::string::npos;
  }));
  lose_worker([&](pid_t engine) {
    const Injection injection(engine, "renameat2", "signal=SIGKILL", "1");
    fs::remove(stall(last));
    EXPECT_TRUE(eventually(kSoon, [&] { return !alive(engine); }));
  });
  expect_one_end({"StepStartEvent", "StepCompleteEvent", last}, "completed");
}

TEST_P(DriverEnd, ComesWithoutTheFailedStepBeingDoneAgain) {
  const std::string last = "RunFailedEvent";
  begin(last, "exit 7");
  ASSERT_TRUE(scene->gateway.wait_for_event("r1", "StepFailedEvent"));
  lose_worker([](pid_t engine) { kill(engine, SIGKILL); });
  fs::remove(stall(last));
  expect_one_end({"StepStartEvent", "StepFailedEvent", last}, "failed");
}

// An interpreter that was there before the run bears no mark of it, and one that hangs in its
// driver does not see that the engine is gone.
TEST_P(DriverEnd, TakesAHangingInterpreterAlong) {
  const std::string last = "RunCompleteEvent";
  let_nursery_begin(scene->project, true);
  begin(last, "true");
  ASSERT_TRUE(eventually(kRunTime, [&] {
    return read_file(held("r1.json")).find("\"completed\"") != std::string::npos;
  }));
  const auto below = descendants_of(engine_of(socket(), "r1"));
  ASSERT_FALSE(below.empty());
  lose_worker_alone();
  EXPECT_TRUE(eventually(
      kSoon, [&] { return std::ranges::none_of(below, [](pid_t pid) { return alive(pid); }); }));
  fs::remove(stall(last));
  EXPECT_EQ(scene->gateway.wait_for_end("r1"), last);
}

INSTANTIATE_TEST_SUITE_P(Of, DriverEnd,
                         ::testing::Values(Death{"Engine", false, true, false},
                                           Death{"Both", true, true, false},
                                           Death{"BothWithTheDaemonDown", true, true, true}),
                         [](const auto& death) { return death.param.name; });

// A pause outlives the daemon, and the run goes on from what the driver holds.
using DriverPause = DriverDeath;
TEST_P(DriverPause, OutlivesTheDaemonAndGoesOnFromWhatIsHeld) {
  scene->project.add_workflow("pauses", shell_step("before", "true") +
                                            "  - {id: g, type: gate, show: s, message: m}\n" +
                                            shell_step("after", "true"));
  ASSERT_TRUE(scene->run("r1", "pauses").ok);
  ASSERT_TRUE(scene->gateway.wait_for_event("r1", "GatePendingEvent"));
  scene->daemon.kill();
  auto state = boost::json::parse(read_file(held("r1.json"))).as_object();
  EXPECT_EQ(text_of(state, "status"), "paused");
  state["variables"].as_object()["by"] = "another hand";
  write_file(held("r1.json"), boost::json::serialize(state));
  scene->daemon.start();
  ASSERT_TRUE(scene->gateway.wait_for("worker.register", 2));
  scene->gateway.send(R"({"type":"run.resume","run_id":"r1","approved":true})");
  EXPECT_EQ(scene->gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(scene->gateway.order_faults("r1"), "");
  state = boost::json::parse(read_file(held("r1.json"))).as_object();
  EXPECT_EQ(text_of(state, "status"), "completed");
  EXPECT_EQ(text_of(state.at("variables").as_object(), "by"), "another hand");
  EXPECT_EQ(stored_kinds("r1"), scene->gateway.event_kinds("r1"));
}

INSTANTIATE_TEST_SUITE_P(Of, DriverPause, ::testing::Values(Death{"Daemon", false, false, true}),
                         [](const auto& death) { return death.param.name; });

}  // namespace
}  // namespace charter::tests
