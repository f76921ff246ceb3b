// `kill` is final for a run that does all it can to survive: thousands of processes in sessions of
// their own, deaf to TERM, stopped, in another cgroup, and one that forks as long as it lives.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;

constexpr int kSample = 200;
constexpr int kMany = 2000;
constexpr milliseconds kGrace{500};
// What an answer may take longer than the grace.
constexpr milliseconds kOver{2000};
// How long all of them may take to be there.
constexpr milliseconds kArrival{120'000};

// What stands in the way of the usual path while the kill is asked for.
enum class Down { nothing, gateway, daemon_stopped, daemon_dead };

// A cgroup beside the one the run is in, where the host lets the test make one.
class OtherCgroup {
 public:
  OtherCgroup() {
    for (const char* hierarchy : {"/sys/fs/cgroup/memory", "/sys/fs/cgroup"}) {
      const std::string base(hierarchy);
      if (!exists(base + "/cgroup.procs")) continue;
      const auto path = base + "/charter-test-" + std::to_string(getpid());
      std::error_code failed;
      if (fs::create_directory(path, failed) && access((path + "/cgroup.procs").c_str(), W_OK) == 0)
        path_ = path;
      if (!path_.empty()) return;
    }
  }
  ~OtherCgroup() {
    if (path_.empty()) return;
    // The dead leave it a moment after they are gone from the process table.
    (void)eventually(kSoon, [&] { return rmdir(path_.c_str()) == 0; });
  }
  OtherCgroup(const OtherCgroup&) = delete;
  OtherCgroup& operator=(const OtherCgroup&) = delete;
  [[nodiscard]] std::string members() const { return path_.empty() ? "" : path_ + "/cgroup.procs"; }

 private:
  std::string path_;
};

// Each escapee is double-forked into a session of its own and deaf to TERM; of four, one stops
// itself and one moves to the other cgroup. The first forks as long as it lives.
std::string escapee(const std::string& log, const std::string& cgroup) {
  return "trap '' TERM HUP INT\n"
         "echo $$ >> " +
         log +
         "\n"
         "[ $1 -ne 0 ] || while :; do sleep 0.01 & sleep 0.02; done\n"
         "case $(($1 % 4)) in\n"
         "  1) kill -STOP $$ ;;\n" +
         (cgroup.empty() ? "" : "  2) echo $$ > " + cgroup + " ;;\n") +
         "esac\n"
         "exec sleep 1000\n";
}

std::string storm_step(int count, const std::string& script) {
  return shell_step("storm",
                    "trap '' TERM\n"
                    "i=0\n"
                    "while [ $i -lt " +
                        std::to_string(count) +
                        " ]; do\n"
                        "  setsid sh -c \"sh " +
                        script +
                        " $i &\"\n"
                        "  i=$((i + 1))\n"
                        "done\n"
                        "while :; do sleep 1000; done");
}

struct Storm {
  std::string name;
  Down down = Down::nothing;
};

void PrintTo(const Storm& storm, std::ostream* out) { *out << storm.name; }

class KillStormTest : public ::testing::TestWithParam<Storm> {
 protected:
  void start(int count) {
    write_file(script_, escapee(log_, cgroup_.members()));
    scene_.project.add_workflow("storm", storm_step(count, script_));
    scene_.project.add_workflow("still", shell_step("wait", "exec sleep 1000"));
    ASSERT_TRUE(scene_.run("bystander", "still").ok);
    ASSERT_TRUE(scene_.gateway.wait_for_event("bystander", "StepStartEvent"));
    ASSERT_TRUE(scene_.run("storm", "storm").ok);
    const auto enough = static_cast<std::size_t>(count);
    ASSERT_TRUE(eventually(kArrival, [&] { return lines_of(log_).size() >= enough; }));
    ASSERT_GE(scene_.project.processes_of("storm").size(), enough);
    ASSERT_TRUE(cgroup_.members().empty() ||
                eventually(kSoon, [&] { return !read_file(cgroup_.members()).empty(); }));
  }
  void take_down() {
    if (GetParam().down == Down::gateway) scene_.gateway.kill();
    if (GetParam().down == Down::daemon_stopped) scene_.daemon.signal(SIGSTOP);
    if (GetParam().down == Down::daemon_dead) scene_.daemon.kill();
  }
  void bring_back() {
    if (GetParam().down == Down::gateway) scene_.gateway.restart();
    if (GetParam().down == Down::daemon_stopped) scene_.daemon.signal(SIGCONT);
    if (GetParam().down == Down::daemon_dead) scene_.daemon.start();
  }
  void expect_final(int count) {
    ASSERT_NO_FATAL_FAILURE(start(count));
    const auto others = scene_.project.processes_of("bystander");
    ASSERT_FALSE(others.empty());
    take_down();
    const auto begin = Clock::now();
    const auto end = charter_daemon(
        scene_.project, {"kill", "storm", "--grace", "0.5", "--note", "enough", "--json"});
    const auto took = since(begin);
    EXPECT_EQ(scene_.project.processes_of("storm"), std::vector<pid_t>{});
    std::cout << count << " processes, " << GetParam().name << ": answered " << took.count()
              << " ms after the request\n";
    EXPECT_EQ(end.code, 0) << end.out << end.err;
    EXPECT_GE(took, kGrace);
    EXPECT_LE(took, kGrace + kOver);
    EXPECT_EQ(scene_.project.processes_of("bystander"), others) << "another run was touched";
    bring_back();
    EXPECT_EQ(scene_.gateway.wait_for_end("storm"), "RunCancelledEvent");
    EXPECT_EQ(text_of(scene_.gateway.events("storm").back(), "note"),
              "enough (by uid " + std::to_string(getuid()) + ")");
    EXPECT_EQ(scene_.gateway.order_faults("storm"), "");
  }
  OtherCgroup cgroup_;
  Started scene_;
  const std::string log_ = scene_.project.scratch("escapees");
  const std::string script_ = scene_.project.scratch("escapee.sh");
};

class KillStorm : public KillStormTest {};
class LongKillStorm : public KillStormTest {};

TEST_P(KillStorm, HundredsAreGoneWhenItAnswers) { expect_final(kSample); }
TEST_P(LongKillStorm, ThousandsAreGoneWhenItAnswers) { expect_final(kMany); }

const std::vector<Storm> kStorms{{"AllIsWell", Down::nothing},
                                 {"TheGatewayIsDown", Down::gateway},
                                 {"TheDaemonIsStopped", Down::daemon_stopped},
                                 {"TheDaemonIsDead", Down::daemon_dead}};
const auto kName = [](const auto& info) { return info.param.name; };

INSTANTIATE_TEST_SUITE_P(While, KillStorm, ::testing::ValuesIn(kStorms), kName);
INSTANTIATE_TEST_SUITE_P(LongWhile, LongKillStorm, ::testing::ValuesIn(kStorms), kName);

}  // namespace
}  // namespace charter::tests
