// Hundreds of kills of the supervisor under fifty executing runs, and kills between the making of
// a child and the record of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <iostream>
#include <map>
#include <random>

#include "tests/support/injection.h"
#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using Pids = std::map<std::string, pid_t>;

// From the start of a new daemon's process to the last of its runs being known to execute.
constexpr milliseconds kAdopted{2000};

class SupervisorStorm : public ::testing::Test {
 protected:
  static DaemonOptions options() {
    DaemonOptions options;
    options.arguments = {"--max-runs", "50", "--log-level", "error", "--replay", "unconfirmed"};
    return options;
  }
  // Steps that append their number; behind them the run waits for the test.
  std::string steps(int count) const {
    std::string steps;
    for (int i = 0; i < count; ++i) {
      const auto number = std::to_string(i);
      steps += shell_step("s" + number, "echo " + number + " >> \"$log\"; sleep 1",
                          "inputs: {log: log}");
    }
    return steps + hold_step("last", release);
  }
  // Guardians of the runs that the daemon says execute.
  Pids guardians() const {
    Pids found;
    const auto answer = control(scene.daemon.socket(), "list");
    if (answer.empty() || !answer.back().contains("runs")) return found;
    for (const auto& each : answer.back().at("runs").as_array()) {
      const auto& view = each.as_object();
      if (text_of(view, "state") != "executing") continue;
      const auto& pid = view.at("guardian_pid");
      if (pid.is_int64()) {
        found.emplace(text_of(view, "run_id"), static_cast<pid_t>(pid.get_int64()));
      }
    }
    return found;
  }
  void expect_kills_change_nothing(std::size_t runs, int kills, int count) {
    scene.project.add_workflow("count", steps(count));
    for (std::size_t i = 0; i < runs; ++i) {
      const auto run = "r" + std::to_string(i);
      ASSERT_TRUE(scene.run(run, "count", {{"log", scene.project.scratch(run)}}).ok);
    }
    ASSERT_TRUE(eventually(kRunTime, [&] { return guardians().size() == runs; }));
    const Pids before = guardians();
    Pids engines;
    for (const auto& [run, pid] : before) {
      const auto below = children_of(pid);
      ASSERT_EQ(below.size(), 1U) << run;
      engines.emplace(run, below.front());
    }
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    std::uniform_int_distribution<int> life(0, 250);
    std::vector<milliseconds> adoptions;
    for (int i = 0; i < kills; ++i) {
      const auto until = Clock::now() + milliseconds(life(random));
      (void)eventually(seconds(5), [&] { return Clock::now() >= until; });
      scene.daemon.kill();
      const auto begin = Clock::now();
      scene.daemon.start();
      // One in three dies again before it has all of them.
      if (random() % 3 == 0) continue;
      ASSERT_TRUE(eventually(kSoon, [&] { return guardians() == before; })) << "kill " << i;
      adoptions.push_back(since(begin));
    }
    for (const auto& [run, engine] : engines) EXPECT_TRUE(alive(engine)) << run;
    write_file(release, "");
    for (const auto& [run, pid] : before) {
      EXPECT_EQ(scene.gateway.wait_for_end(run, seconds(300)), "RunCompleteEvent") << run;
    }
    std::vector<std::string> counted;
    for (int i = 0; i < count; ++i) counted.push_back(std::to_string(i));
    for (const auto& [run, pid] : before) {
      EXPECT_EQ(scene.gateway.order_faults(run), "") << run;
      EXPECT_EQ(scene.gateway.events(run).size(), 2 * counted.size() + 3) << run;
      EXPECT_EQ(lines_of(scene.project.scratch(run)), counted) << run;
    }
    std::sort(adoptions.begin(), adoptions.end());
    ASSERT_FALSE(adoptions.empty());
    std::cout << kills << " kills under " << runs << " runs: adopted after "
              << adoptions[adoptions.size() / 2].count() << " ms in the middle, at most "
              << adoptions.back().count() << " ms\n";
    EXPECT_LE(adoptions.back(), kAdopted);
  }
  Started scene{options()};
  const std::string release = scene.project.scratch("release");
};

// Five hundred kills, in fifths that share the machine.
class LongSupervisorStorm : public SupervisorStorm, public ::testing::WithParamInterface<int> {};

TEST_F(SupervisorStorm, FifteenKillsKeepEveryEngine) { expect_kills_change_nothing(8, 15, 10); }
TEST_P(LongSupervisorStorm, AHundredKillsUnderFiftyRunsKeepEveryEngine) {
  expect_kills_change_nothing(50, 100, 30);
}
INSTANTIATE_TEST_SUITE_P(Fifth, LongSupervisorStorm, ::testing::Range(1, 6));

// Between "child made" and "record durable".
class UnrecordedChild : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!Injection::possible()) GTEST_SKIP() << "strace is not installed";
  }
};

TEST_P(UnrecordedChild, IsAdoptedOrEndedAndTheRunBegunOnce) {
  int deaths = 0;
  int with_child = 0;
  for (const int when : {1, 2, 3, 4, 6}) {
    SCOPED_TRACE("killed at call " + std::to_string(when));
    DaemonOptions options;
    options.arguments = {"--max-runs", "1"};
    Started scene(options);
    const auto first = scene.project.scratch("first");
    const auto second = scene.project.scratch("second");
    const auto log = scene.project.scratch("log");
    scene.project.add_workflow("first", hold_step("wait", first));
    scene.project.add_workflow("second",
                               shell_step("note", "echo x >> " + log) + hold_step("wait", second));
    ASSERT_TRUE(scene.run("r1", "first").ok);
    ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
    ASSERT_TRUE(scene.run("r2", "second").ok);
    {
      // Its slot is free when the first has gone; everything from there on is about the second.
      const Injection injection(scene.daemon.pid(), GetParam(), "signal=SIGKILL",
                                std::to_string(when));
      write_file(first, "");
      (void)eventually(seconds(3), [&] {
        return !scene.daemon.running() ||
               scene.gateway.wait_for_event("r2", "StepStartEvent", milliseconds(0));
      });
    }
    if (!scene.daemon.running()) {
      ++deaths;
      with_child += with_variable("TEST_MARK", scene.project.mark()).empty() ? 0 : 1;
      scene.daemon.start();
    }
    EXPECT_TRUE(scene.gateway.wait_for_event("r2", "StepStartEvent"));
    ASSERT_TRUE(eventually(kRunTime, [&] { return !lines_of(log).empty(); }));
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r2", "executing"));
    // Whatever lives is the daemon's, or below the one guardian that it knows.
    const pid_t guardian = guardian_of(scene.daemon.socket(), "r2");
    ASSERT_GT(guardian, 0);
    EXPECT_TRUE(eventually(kSoon, [&] {
      auto tree = descendants_of(guardian);
      const auto own = descendants_of(scene.daemon.pid());
      tree.insert(tree.end(), own.begin(), own.end());
      tree.insert(tree.end(), {guardian, scene.daemon.pid()});
      const auto all = with_variable("TEST_MARK", scene.project.mark());
      return std::all_of(all.begin(), all.end(), [&](pid_t pid) {
        return std::find(tree.begin(), tree.end(), pid) != tree.end();
      });
    }));
    write_file(second, "");
    EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
    EXPECT_EQ(scene.gateway.wait_for_end("r2"), "RunCompleteEvent");
    EXPECT_EQ(scene.gateway.order_faults("r2"), "");
    EXPECT_EQ(lines_of(log), std::vector<std::string>{"x"});
    EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r2").empty(); }));
    if (HasFatalFailure() || HasNonfatalFailure()) return;
  }
  std::cout << deaths << " deaths, " << with_child << " with a child left\n";
  EXPECT_GT(deaths, 0) << "the daemon never made this call";
}

INSTANTIATE_TEST_SUITE_P(KilledAt, UnrecordedChild,
                         ::testing::Values("vfork", "pidfd_open", "pwrite64", "fdatasync"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace charter::tests
