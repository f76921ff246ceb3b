// The gateway may be away for days, or come and go for days, or lose a hundred daemons at once:
// the supervisor stays small, no run waits, and nobody storms it when it is back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>

#include "tests/support/misbehaving_gateway.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

constexpr std::size_t kMostOverIdleKb = 32U << 10;

std::size_t kilobytes(pid_t pid, const char* file, std::string_view name) {
  std::ifstream lines("/proc/" + std::to_string(pid) + "/" + file);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(name)) return std::stoul(line.substr(name.size()));
  }
  return 0;
}

std::size_t resident_kb(pid_t pid) { return kilobytes(pid, "status", "VmRSS:"); }
std::size_t most_resident_kb(pid_t pid) { return kilobytes(pid, "status", "VmHWM:"); }
std::size_t proportional_kb(pid_t pid) { return kilobytes(pid, "smaps_rollup", "Pss:"); }

class Outage : public ::testing::Test {
 protected:
  void start() {
    gateway.server().stop_listening();
    DaemonOptions options;
    options.gateway = gateway.url();
    options.arguments = {"--log-level", "error"};
    daemon = std::make_unique<DaemonProcess>(project, options);
  }
  bool hand_over(const std::string& id, const std::string& workflow) {
    HandOff request;
    request.run_id = id;
    request.workflow_id = workflow;
    request.workflow_path = project.plan(workflow);
    return hand_off(daemon->socket(), request).ok;
  }
  boost::json::object view(const char* part) {
    const auto lines = control(daemon->socket(), "status");
    return lines.empty() ? boost::json::object()
                         : lines.back().at("daemon").as_object().at(part).as_object();
  }
  std::int64_t number(const char* part, const char* name) {
    const auto found = view(part);
    return found.contains(name) ? found.at(name).to_number<std::int64_t>() : -1;
  }
  // `runs` of them, each of `steps` state steps, run to their ends while nobody listens.
  void expect_small(int runs, int steps, milliseconds limit) {
    project.add_workflow("many", state_steps(steps));
    start();
    ASSERT_TRUE(hand_over("warm", "many"));
    ASSERT_TRUE(eventually(limit, [&] { return number("runs", "finished_undelivered") == 1; }));
    const std::size_t idle = resident_kb(daemon->pid());
    const std::size_t idle_pss = proportional_kb(daemon->pid());
    const auto begin = Clock::now();
    for (int i = 0; i < runs; ++i) ASSERT_TRUE(hand_over("r" + std::to_string(i), "many"));
    ASSERT_TRUE(eventually(limit, [&] {
      return number("runs", "finished_undelivered") == runs + 1;
    })) << "runs must not wait for the gateway";
    const auto executed = since(begin);
    const std::int64_t events = std::int64_t{runs + 1} * (2 * steps + 1);
    EXPECT_EQ(number("gateway", "backlog_events"), events);
    const std::size_t backlog_pss = proportional_kb(daemon->pid());
    gateway.server().listen_again();
    const auto back = Clock::now();
    ASSERT_TRUE(eventually(limit, [&] {
      return gateway.heard().ended() == static_cast<std::size_t>(runs) + 1 &&
             number("gateway", "backlog_events") == 0;
    })) << gateway.heard().all_events();
    const auto delivered = since(back);
    const std::size_t most = most_resident_kb(daemon->pid());
    std::cout << events << " events: executed in " << executed.count() << " ms, delivered in "
              << delivered.count() << " ms; resident " << idle << " KB idle, at most " << most
              << " KB; Pss " << idle_pss << " KB idle, " << backlog_pss << " KB with the backlog\n";
    EXPECT_LE(most, idle + kMostOverIdleKb);
    EXPECT_LE(backlog_pss, idle_pss + kMostOverIdleKb);
    EXPECT_EQ(gateway.heard().all_events(), static_cast<std::size_t>(events));
    for (int i = 0; i < runs; ++i) {
      EXPECT_EQ(gateway.heard().faults("r" + std::to_string(i)), "") << i;
    }
  }

  ProjectFixture project;
  MisbehavingGateway gateway;
  std::unique_ptr<DaemonProcess> daemon;
};

class LongOutage : public Outage {};

TEST_F(Outage, TwentyThousandEventsCostTheSupervisorLittle) { expect_small(20, 500, seconds(60)); }
TEST_F(LongOutage, AMillionEventsCostTheSupervisorLittle) { expect_small(200, 2500, seconds(600)); }

// Several daemons at one gateway that comes and goes.
class Flaps : public ::testing::Test {
 protected:
  static constexpr milliseconds kHeartbeat{20};
  struct Member {
    ProjectFixture project;
    std::unique_ptr<DaemonProcess> daemon;
    [[nodiscard]] std::int64_t connections() const {
      const auto answer = control(daemon->socket(), "status");
      if (answer.empty() || !answer.back().contains("daemon")) return 0;
      const auto& view = answer.back().at("daemon").as_object().at("gateway").as_object();
      return text_of(view, "state") == "up" ? view.at("connections").to_number<std::int64_t>() : 0;
    }
  };
  void add_members(std::size_t count, const std::vector<std::string>& arguments) {
    for (std::size_t i = 0; i < count; ++i) {
      auto member = std::make_unique<Member>();
      member->project.add_workflow("hold", state_steps(5) + hold_step("wait", release));
      DaemonOptions options;
      options.gateway = gateway.url();
      options.arguments = arguments;
      // So that a gateway can tell them from each other; the later one counts.
      options.arguments.insert(options.arguments.end(), {"--worker-id", "w" + std::to_string(i)});
      member->daemon = std::make_unique<DaemonProcess>(member->project, options);
      members.push_back(std::move(member));
    }
  }
  [[nodiscard]] bool all_have(std::int64_t connections) {
    return std::all_of(members.begin(), members.end(),
                       [&](const auto& member) { return member->connections() >= connections; });
  }
  void expect_flaps_change_nothing(std::size_t daemons, int flaps) {
    add_members(daemons, {"--heartbeat-interval", "0.02", "--reconnect-delay", "0", "--log-level",
                          "error", "--replay", "unconfirmed"});
    for (std::size_t i = 0; i < daemons; ++i) {
      HandOff request;
      request.run_id = "r" + std::to_string(i);
      request.workflow_id = "hold";
      request.workflow_path = members[i]->project.plan("hold");
      ASSERT_TRUE(hand_off(members[i]->daemon->socket(), request).ok);
    }
    std::vector<std::size_t> before;
    for (int flap = 0; flap < flaps; ++flap) {
      ASSERT_TRUE(eventually(kRunTime, [&] { return all_have(flap + 1); })) << "flap " << flap;
      if (flap == flaps / 10) {
        for (const auto& member : members) before.push_back(resident_kb(member->daemon->pid()));
      }
      // One that stood for less than a heartbeat has not recovered.
      const auto until = Clock::now() + kHeartbeat + kHeartbeat / 2;
      (void)eventually(kSoon, [&] { return Clock::now() >= until; });
      gateway.drop_connections();
    }
    for (std::size_t i = 0; i < daemons; ++i) {
      EXPECT_LE(resident_kb(members[i]->daemon->pid()), before[i] + 4096);
    }
    write_file(release, "");
    for (std::size_t i = 0; i < daemons; ++i) {
      const std::string run = "r" + std::to_string(i);
      EXPECT_EQ(gateway.wait_for_end(run), "RunCompleteEvent");
      EXPECT_EQ(gateway.order_faults(run), "");
    }
  }
  void expect_all_back_spread_out(std::size_t daemons, std::size_t most_in_a_second) {
    constexpr milliseconds kAway{10'000};
    constexpr milliseconds kBack{20'000};
    add_members(daemons, {"--reconnect-delay", "1", "--log-level", "error"});
    ASSERT_TRUE(eventually(kRunTime, [&] { return all_have(1); }));
    const std::size_t before = gateway.of_type("!open").size();
    gateway.kill();
    const auto until = Clock::now() + kAway;
    (void)eventually(2 * kAway, [&] { return Clock::now() >= until; });
    gateway.restart();
    const auto back = Clock::now();
    ASSERT_TRUE(eventually(
        3 * kBack, [&] { return gateway.of_type("worker.register").size() >= before + daemons; }));
    const auto took = since(back);
    std::vector<std::int64_t> times;
    for (const auto& message : gateway.of_type("!open")) times.push_back(message.at_ns);
    times.erase(times.begin(), times.begin() + static_cast<std::ptrdiff_t>(before));
    std::size_t densest = 0;
    for (std::size_t end = 0, first = 0; end < times.size(); ++end) {
      while (times[end] - times[first] > 1'000'000'000) ++first;
      densest = std::max(densest, end - first + 1);
    }
    std::cout << daemons << " daemons: all back after " << took.count() << " ms, at most "
              << densest << " handshakes in a second\n";
    EXPECT_LE(took, kBack);
    EXPECT_LE(densest, most_in_a_second);
    EXPECT_EQ(times.size(), daemons) << "each comes once";
  }

  RecordingGateway gateway;
  TempDir scratch;
  const std::string release = scratch / "release";
  std::vector<std::unique_ptr<Member>> members;
};

class LongFlaps : public Flaps {};

TEST_F(Flaps, AHundredChangeNothing) { expect_flaps_change_nothing(2, 50); }
TEST_F(LongFlaps, TenThousandChangeNothing) { expect_flaps_change_nothing(8, 1250); }
TEST_F(Flaps, FifteenDaemonsAreBackSoonAndSpreadOut) { expect_all_back_spread_out(15, 12); }
TEST_F(LongFlaps, HundredDaemonsAreBackSoonAndSpreadOut) { expect_all_back_spread_out(100, 70); }

}  // namespace
}  // namespace charter::tests
