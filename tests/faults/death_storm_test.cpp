// Hundreds of random deaths of engines, guardians and both, with the supervisor up and down: each
// run has one end, with its cause as far as it can be known, and no process is left.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <iostream>
#include <map>
#include <random>

#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::AnyOf;
using ::testing::StartsWith;

enum class Victim { engine, guardian, both };

struct Death {
  std::string run;
  Victim victim = Victim::engine;
  int signal = SIGKILL;
  bool daemon_down = false;
};

std::string words(const Death& death) {
  constexpr std::array<const char*, 3> kNames{"engine", "guardian", "both"};
  return death.run + ": " + kNames[static_cast<std::size_t>(death.victim)] + " by signal " +
         std::to_string(death.signal) + (death.daemon_down ? " without a daemon" : "");
}

class DeathStorm : public ::testing::Test {
 protected:
  static DaemonOptions options() {
    DaemonOptions options;
    options.arguments = {"--max-runs", "5", "--log-level", "error"};
    return options;
  }
  void SetUp() override {
    // A stray in a session of its own, and one below it: what a tree loses and must not keep.
    scene.project.add_workflow(
        "victim", shell_step("before", "true") +
                      shell_step("open",
                                 "setsid sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 &\n"
                                 "sleep 1000"));
    scene.project.add_workflow("other", hold_step("wait", release));
    ASSERT_TRUE(scene.run("other", "other").ok);
    ASSERT_TRUE(scene.gateway.wait_for_event("other", "StepStartEvent"));
  }
  // Four runs die at once, each in its own way.
  void kill_a_group(int number, std::mt19937& random) {
    constexpr std::array<int, 5> kSignals{SIGKILL, SIGSEGV, SIGABRT, SIGBUS, SIGTERM};
    const bool down = random() % 3 == 0;
    std::vector<Death> deaths;
    for (int i = 0; i < 4; ++i) {
      Death death;
      death.run = "r" + std::to_string(4 * number + i);
      death.victim = static_cast<Victim>(random() % 3);
      death.signal = kSignals[random() % kSignals.size()];
      // Of both at one instant there is no gentle way.
      if (death.victim == Victim::both) death.signal = SIGKILL;
      death.daemon_down = down;
      ASSERT_TRUE(scene.run(death.run, "victim").ok);
      deaths.push_back(death);
    }
    std::map<std::string, std::pair<pid_t, pid_t>> workers;
    for (const Death& death : deaths) {
      ASSERT_TRUE(eventually(kRunTime, [&] {
        return scene.project.processes_of(death.run).size() >= 3;
      })) << death.run;
      workers[death.run] = {guardian_of(scene.daemon.socket(), death.run),
                            engine_of(scene.daemon.socket(), death.run)};
      ASSERT_GT(workers[death.run].first, 0);
      ASSERT_GT(workers[death.run].second, 0);
    }
    if (down) scene.daemon.kill();
    for (const Death& death : deaths) {
      const auto [guardian, engine] = workers[death.run];
      if (death.victim == Victim::both) kill(engine, SIGSTOP);
      if (death.victim != Victim::engine) kill(guardian, death.signal);
      if (death.victim != Victim::guardian) kill(engine, death.signal);
    }
    if (down) {
      for (const auto& [run, pids] : workers) {
        const auto [guardian, engine] = pids;
        ASSERT_TRUE(eventually(kSoon, [&] { return !alive(guardian) && !alive(engine); })) << run;
      }
      scene.daemon.start();
    }
    for (const Death& death : deaths) expect_end(death);
    done_ += deaths.size();
  }
  void expect_end(const Death& death) {
    SCOPED_TRACE(words(death));
    EXPECT_EQ(scene.gateway.wait_for_end(death.run), "RunFailedEvent");
    EXPECT_EQ(scene.gateway.order_faults(death.run), "");
    const auto events = scene.gateway.events(death.run);
    ASSERT_FALSE(events.empty());
    const auto error = text_of(events.back(), "error");
    if (death.signal == SIGTERM) {
      EXPECT_THAT(error, StartsWith("interrupted: "));
    } else if (death.daemon_down && death.victim != Victim::engine) {
      // Nobody was there to see of what the guardian died.
      EXPECT_THAT(error, StartsWith("lost: "));
    } else {
      EXPECT_THAT(error,
                  StartsWith("worker died: signal " + std::to_string(death.signal) + " (SIG"));
      const bool killed = death.signal == SIGKILL;
      EXPECT_THAT(error, ::testing::HasSubstr(killed ? ", sender unknown" : ""));
    }
    EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of(death.run).empty(); }))
        << "orphans are left";
  }
  void expect_each_ends_once(int groups) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::mt19937 random(seed);
    for (int i = 0; i < groups; ++i) {
      ASSERT_NO_FATAL_FAILURE(kill_a_group(i, random));
      if (HasNonfatalFailure()) return;
    }
    write_file(release, "");
    EXPECT_EQ(scene.gateway.wait_for_end("other"), "RunCompleteEvent");
    EXPECT_EQ(scene.gateway.order_faults("other"), "");
    std::cout << done_ << " deaths\n";
  }

  Started scene{options()};
  const std::string release = scene.project.scratch("release");

 private:
  std::size_t done_ = 0;
};

class LongDeathStorm : public DeathStorm {};

TEST_F(DeathStorm, SixteenDeathsEndSixteenRunsOnce) { expect_each_ends_once(4); }
TEST_F(LongDeathStorm, ThreeHundredDeathsEndThreeHundredRunsOnce) { expect_each_ends_once(75); }

}  // namespace
}  // namespace charter::tests
