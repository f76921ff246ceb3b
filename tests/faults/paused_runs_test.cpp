// Thousands of runs that wait at a gate cost a started daemon little: it answers at once, stays
// small, and decides any of them without looking at the others.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

constexpr int kSample = 500;
constexpr int kMany = 10'000;
constexpr int kApprovals = 40;
constexpr int kStarts = 3;
// The promises, kept by a release build.
constexpr milliseconds kAnswersWithin{1000};
constexpr std::size_t kMemoryKb = 32 * 1024;
constexpr milliseconds kDecidedWithin{50};
// How long all of them may take to get to their gates.
constexpr milliseconds kArrival{300'000};

// The part of memory that is the process's own, shared pages counted by their share.
std::size_t proportional_kb(pid_t pid) {
  std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(rollup, line);) {
    if (line.starts_with("Pss:")) return std::stoul(line.substr(4));
  }
  return 0;
}

std::string run_name(int number) { return "waits-" + std::to_string(number); }

class PausedRunsTest : public ::testing::Test {
 protected:
  PausedRunsTest() : scene_(options()) { scene_.project.add_workflow("ask", gate_step("gate")); }
  static DaemonOptions options() {
    DaemonOptions options;
    options.arguments = {"--log-level", "error"};
    return options;
  }
  // Of the daemon's own counts; -1 when it does not answer.
  std::int64_t counted(std::string_view what) {
    const auto answer = control(scene_.daemon.socket(), "status");
    if (answer.empty() || !answer.back().contains("daemon")) return -1;
    const auto& daemon = answer.back().at("daemon").as_object();
    if (what == "backlog_events") {
      return daemon.at("gateway").as_object().at(what).to_number<std::int64_t>();
    }
    return daemon.at("runs").as_object().at(what).to_number<std::int64_t>();
  }
  bool link_is_idle() {
    return eventually(kArrival, [this] { return counted("backlog_events") == 0; });
  }
  void pause(int count) {
    for (int i = 0; i < count; ++i) {
      const auto answer = scene_.run(run_name(i), "ask");
      ASSERT_TRUE(answer.ok) << answer.raw;
    }
    ASSERT_TRUE(eventually(kArrival, [&] { return counted("paused") == count; }));
    ASSERT_TRUE(link_is_idle());
  }
  // From here to the end of the run; the answer comes when the decision is on disk.
  milliseconds decide(const std::string& run) {
    const auto begin = Clock::now();
    const auto answer =
        control(scene_.daemon.socket(), "resume", {{"run_id", run}, {"approved", true}});
    const auto took = since(begin);
    EXPECT_TRUE(!answer.empty() && answer.back().at("ok") == true);
    EXPECT_TRUE(eventually(kRunTime, [&] {
      const auto state = read_file(scene_.project.state_file(run));
      return state.find("\"status\": \"completed\"") != std::string::npos;
    })) << run;
    begun_[run] = begin;
    return took;
  }
  // How long after the request each decision was at the gateway, which hears of nothing that is
  // not in a journal on disk.
  std::vector<milliseconds> arrivals() {
    std::map<std::string, milliseconds> took;
    EXPECT_TRUE(eventually(kRunTime, [&] {
      for (const auto& message : scene_.gateway.messages()) {
        if (message.text.find("GateDecisionEvent") == std::string::npos) continue;
        const auto run = text_of(message.json, "run_id");
        took.emplace(
            run, std::chrono::duration_cast<milliseconds>(std::chrono::nanoseconds(message.at_ns) -
                                                          begun_.at(run).time_since_epoch()));
      }
      return took.size() == begun_.size();
    }));
    std::vector<milliseconds> sorted;
    for (const auto& [run, time] : took) sorted.push_back(time);
    std::sort(sorted.begin(), sorted.end());
    return sorted;
  }
  void expect_cheap(int count) {
    pause(count);
    // What else the machine does only adds to it, so the best of some starts counts.
    milliseconds answered = kSoon;
    for (int start = 0; start < kStarts; ++start) {
      EXPECT_LT(scene_.daemon.stop(), kSoon);
      const auto begin = Clock::now();
      scene_.daemon.start();
      EXPECT_EQ(counted("paused"), count);
      answered = std::min(answered, since(begin));
    }
    ASSERT_TRUE(link_is_idle());
    const std::size_t memory = proportional_kb(scene_.daemon.pid());
    std::vector<milliseconds> durable;
    for (int i = 0; i < kApprovals; ++i) {
      durable.push_back(decide(run_name(i * (count / kApprovals))));
    }
    std::sort(durable.begin(), durable.end());
    const auto arrived = arrivals();
    ASSERT_EQ(arrived.size(), static_cast<std::size_t>(kApprovals));
    std::cout << count << " paused runs: answers after " << answered.count() << " ms, " << memory
              << " kB; decision on disk p50 " << durable[kApprovals / 2].count() << " ms, longest "
              << durable.back().count() << " ms; at the gateway p50 "
              << arrived[kApprovals / 2].count() << " ms, longest " << arrived.back().count()
              << " ms\n";
    EXPECT_GT(memory, 0U);
#ifdef NDEBUG
    EXPECT_LT(answered, kAnswersWithin);
    EXPECT_LT(memory, kMemoryKb);
    // Nine of ten: the rest is left to what else the machine does.
    EXPECT_LT(durable[kApprovals * 9 / 10], kDecidedWithin);
#endif
    EXPECT_EQ(counted("paused"), count - kApprovals);
    for (const int number : {0, 1, count / kApprovals, count - 1}) {
      EXPECT_EQ(scene_.gateway.order_faults(run_name(number)), "");
    }
  }
  std::map<std::string, Clock::time_point> begun_;
  Started scene_;
};

class PausedRuns : public PausedRunsTest {};
class LongPausedRuns : public PausedRunsTest {};

// Found by the next daemon, more of them than it may have files open.
TEST(PausedRunsBeyondTheDescriptors, WaitAsBeforeInTheNextDaemon) {
  constexpr int kFewDescriptors = 200;
  DaemonOptions options;
  const auto limit = std::to_string(kFewDescriptors);
  options.command = {"prlimit", "--nofile=" + limit + ":" + limit, daemon_binary()};
  Started scene(options);
  scene.project.add_workflow("ask", gate_step("gate"));
  const int count = 2 * kFewDescriptors;
  for (int i = 0; i < count; ++i) {
    const auto run = run_name(i);
    ASSERT_TRUE(scene.run(run, "ask").ok);
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), run, "paused"));
  }
  const auto journal = [&](int number) {
    return read_file(scene.project.journal(run_name(number)));
  };
  std::vector<std::string> journals;
  for (int i = 0; i < count; ++i) journals.push_back(journal(i));
  scene.daemon.kill();
  scene.daemon.start();
  const auto runs = [&] {
    const auto answer = control(scene.daemon.socket(), "status");
    if (answer.empty() || !answer.back().contains("daemon")) return boost::json::object();
    return answer.back().at("daemon").as_object().at("runs").as_object();
  };
  // In its first answer: none of them waits for a slot or for a worker to say that it waits.
  const auto found = runs();
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found.at("paused"), count) << boost::json::serialize(found);
  for (int i = 0; i < count; ++i) {
    ASSERT_FALSE(journals[static_cast<std::size_t>(i)].empty());
    EXPECT_TRUE(journal(i) == journals[static_cast<std::size_t>(i)]) << run_name(i) << " went on";
  }
  for (const int number : {0, kFewDescriptors, count - 1}) {
    const auto run = run_name(number);
    const auto answer =
        control(scene.daemon.socket(), "resume", {{"run_id", run}, {"approved", true}});
    EXPECT_TRUE(!answer.empty() && answer.back().at("ok") == true) << run;
    EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent") << run;
    EXPECT_EQ(scene.gateway.order_faults(run), "") << run;
  }
}

TEST_F(PausedRuns, HundredsCostAStartedDaemonLittle) { expect_cheap(kSample); }
TEST_F(LongPausedRuns, TenThousandCostAStartedDaemonLittle) { expect_cheap(kMany); }

// A state that no frame of a journal holds, from which no burst can begin.
TEST(LongStates, RunWithTooLargeAStateFailsWhenItIsApprovedAndSaysSo) {
  constexpr milliseconds kLargeState{300'000};
  Started scene;
  scene.project.add_workflow("ask", gate_step("gate") + shell_step("after", "true"));
  ASSERT_TRUE(scene.run("r1", "ask", {{"large", "small"}}).ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
  const std::string file = scene.project.state_file("r1");
  std::string state = read_file(file);
  const auto at = state.find("small");
  ASSERT_NE(at, std::string::npos);
  write_file(file + ".new", state.replace(at, 5, std::string(256U << 20, 'x')));
  std::filesystem::rename(file + ".new", file);
  // While the daemon looks into what has changed nothing is decided.
  ASSERT_TRUE(eventually(kLargeState, [&] {
    const auto answer = control(scene.daemon.socket(), "resume",
                                {{"run_id", "r1"}, {"approved", true}}, kLargeState);
    return !answer.empty() && answer.back().at("ok") == true;
  }));
  EXPECT_EQ(scene.gateway.wait_for_end("r1", kLargeState), "RunFailedEvent");
  EXPECT_EQ(scene.gateway.event_kinds("r1").size(), 2U) << "it asks, and fails";
  EXPECT_NE(text_of(scene.gateway.events("r1").back(), "error").find("a state of at most 255 MiB"),
            std::string::npos);
  EXPECT_TRUE(reaches_state(scene.daemon.socket(), "r1", "finished"));
  EXPECT_NE(read_file(file).find(R"("status": "failed")"), std::string::npos);
}

}  // namespace
}  // namespace charter::tests
