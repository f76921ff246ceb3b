// Hundreds of random deaths of engines, guardians and both, with the supervisor up and down: each
// run has one end, with its cause as far as it can be known, and no process is left. Engines die by
// signals, by want of memory where a control group tells, and by exits of their own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <array>
#include <iostream>
#include <map>
#include <random>

#include "tests/support/injection.h"
#include "tests/support/process_table.h"
#include "tests/support/run_groups.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::AnyOf;
using ::testing::StartsWith;

enum class Victim { engine, guardian, both };
enum class How { signal, memory, journal, full_disk };

struct Death {
  std::string run;
  Victim victim = Victim::engine;
  How how = How::signal;
  int signal = SIGKILL;
  bool daemon_down = false;
};

std::string words(const Death& death) {
  constexpr std::array<const char*, 3> kNames{"engine", "guardian", "both"};
  constexpr std::array<const char*, 4> kHow{"", "want of memory", "its journal", "a full disk"};
  const std::string how = death.how == How::signal ? "signal " + std::to_string(death.signal)
                                                   : kHow[static_cast<std::size_t>(death.how)];
  return death.run + ": " + kNames[static_cast<std::size_t>(death.victim)] + " by " + how +
         (death.daemon_down ? " without a daemon" : "");
}

class DeathStorm : public ::testing::Test {
 protected:
  static DaemonOptions options() {
    DaemonOptions options;
    options.arguments = {"--max-runs", "5", "--log-level", "error"};
    if (why_no_groups().empty()) {
      options.arguments.insert(options.arguments.end(), {"--run-memory-max", "24M"});
    }
    return options;
  }
  void SetUp() override {
    // A stray in a session of its own, and one below it: what a tree loses and must not keep.
    scene.project.add_workflow(
        "victim", shell_step("before", "true") +
                      shell_step("open",
                                 "setsid sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 &\n"
                                 "sleep 1000"));
    // The engine keeps what it prints.
    scene.project.add_workflow(
        "greedy", shell_step("before", "true") +
                      shell_step("open",
                                 wait_for_go() + "head -c 60000000 /dev/zero | tr '\\0' x\n"
                                                 "sleep 5; exit 1",
                                 "inputs: {go: go}"));
    scene.project.add_workflow("writer", shell_step("before", "true") +
                                             shell_step("open", wait_for_go(), "inputs: {go: go}") +
                                             shell_step("never", "sleep 1000"));
    scene.project.add_workflow("other", hold_step("wait", release));
    ASSERT_TRUE(scene.run("other", "other").ok);
    ASSERT_TRUE(scene.gateway.wait_for_event("other", "StepStartEvent"));
  }
  static std::string wait_for_go() {
    return "setsid sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 &\n"
           "while [ ! -e \"$go\" ]; do sleep 0.02; done\n";
  }
  std::string go(const Death& death) const { return scene.project.scratch(death.run + ".go"); }
  // One in four engines, each cause that can be had here as often as the others.
  static How how_it_dies(std::mt19937& random) {
    std::vector<How> causes;
    if (why_no_groups().empty()) causes.push_back(How::memory);
    if (Injection::possible()) causes.insert(causes.end(), {How::journal, How::full_disk});
    if (causes.empty() || random() % 3 != 0) return How::signal;
    return causes[random() % causes.size()];
  }
  void die(const Death& death, pid_t guardian, pid_t engine) {
    if (death.how == How::memory) write_file(go(death), "");
    if (death.how == How::journal || death.how == How::full_disk) {
      const char* error = death.how == How::journal ? "error=EIO" : "error=ENOSPC";
      const Injection injection(engine, "pwritev", error, "1+");
      write_file(go(death), "");
      EXPECT_TRUE(eventually(kSoon, [&] { return !alive(engine); })) << words(death);
    }
    if (death.how != How::signal) return;
    if (death.victim == Victim::both && death.signal != SIGTERM) {
      EXPECT_TRUE(kill_worker(guardian, engine, death.signal)) << words(death);
      return;
    }
    if (death.victim != Victim::engine) kill(guardian, death.signal);
    if (death.victim != Victim::guardian) kill(engine, death.signal);
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
      if (death.victim == Victim::engine) death.how = how_it_dies(random);
      const char* workflow = death.how == How::signal   ? "victim"
                             : death.how == How::memory ? "greedy"
                                                        : "writer";
      ASSERT_TRUE(scene.run(death.run, workflow, {{"go", go(death)}}).ok);
      ++causes_[death.how];
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
      die(death, guardian, engine);
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
    if (death.how == How::memory) {
      EXPECT_THAT(error, StartsWith("out of memory: the run's engine was ended by the kernel"));
    } else if (death.how == How::journal) {
      EXPECT_EQ(error, "worker died: its journal could not be read or written");
    } else if (death.how == How::full_disk) {
      EXPECT_EQ(error, "worker died: the disk is full");
    } else if (death.signal == SIGTERM) {
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
    std::cout << done_ << " deaths, " << causes_[How::memory] << " for want of memory, "
              << causes_[How::journal] + causes_[How::full_disk] << " by an exit\n";
  }

  Started scene{options()};
  const std::string release = scene.project.scratch("release");

 private:
  std::size_t done_ = 0;
  std::map<How, int> causes_;
};

class LongDeathStorm : public DeathStorm {};

TEST_F(DeathStorm, SixteenDeathsEndSixteenRunsOnce) { expect_each_ends_once(4); }
TEST_F(LongDeathStorm, ThreeHundredDeathsEndThreeHundredRunsOnce) { expect_each_ends_once(75); }

}  // namespace
}  // namespace charter::tests
