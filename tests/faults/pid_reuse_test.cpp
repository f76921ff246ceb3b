// Runs are killed where process numbers are few and come back all the time: in a pid namespace of
// its own with a small pid_max, beside strangers that live briefly and take every number again and
// again. A stranger that is hit says so.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "tests/support/process_table.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

constexpr int kSample = 40;
constexpr int kMany = 400;
constexpr int kAtOnce = 2;      // more only wait for one another where processors are few
constexpr int kNumbers = 1000;  // of which the kernel gives out those from 300 on

std::vector<std::string> in_namespace(std::vector<std::string> command) {
  std::vector<std::string> whole{"unshare", "--pid", "--fork", "--mount-proc", "--kill-child"};
  // Who is not root may do it where user namespaces can be had, as root of one.
  if (::geteuid() != 0) whole.insert(whole.end(), {"--user", "--map-root-user"});
  whole.insert(whole.end(), command.begin(), command.end());
  return whole;
}

// Why there is none; empty when there is.
std::string why_no_namespace() {
  const std::string before = read_file("/proc/sys/kernel/pid_max");
  ChildSpec spec;
  spec.argv =
      in_namespace({"sh", "-c", "echo " + std::to_string(kNumbers) + " >/proc/sys/kernel/pid_max"});
  // Older kernels have one limit for all namespaces: it must not be touched there.
  const auto release = read_file("/proc/sys/kernel/osrelease");
  const int major = std::stoi(release);
  const int minor = std::stoi(release.substr(release.find('.') + 1));
  if (major < 6 || (major == 6 && minor < 14))
    return "pid_max is the whole host's before Linux 6.14";
  const auto done = run_to_end(std::move(spec));
  if (done.code != 0) return "no pid namespace with a limit of its own: " + done.err;
  return read_file("/proc/sys/kernel/pid_max") == before ? "" : "pid_max is the whole host's";
}

// Each stranger ends by itself with 0, unless somebody ends it.
std::string strangers(const std::string& directory) {
  return "echo " + std::to_string(kNumbers) +
         " >/proc/sys/kernel/pid_max\n"
         "for i in 1 2 3; do\n"
         "  (n=0; while :; do\n"
         "    sh -c 'sleep 0.005' || echo \"$? of $i\" >>" +
         directory +
         "/hits\n"
         "    n=$((n + 1)); echo $n >" +
         directory +
         "/count$i\n"
         "  done) &\n"
         "done\n"
         "for i in $(seq 20); do\n"
         "  (sleep 100000; echo \"long $i\" >>" +
         directory +
         "/hits) &\n"
         "done\n"
         "\"$@\" &\n"
         "wait\n";
}

class PidReuse : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const auto why = why_no_namespace(); !why.empty()) GTEST_SKIP() << why;
    std::filesystem::create_directories(directory_);
    write_file(script_, strangers(directory_));
    DaemonOptions options;
    options.gateway = gateway_.url();
    options.wait_for_socket = false;
    options.arguments = {"--kill-grace", "0.05", "--log-level", "warning"};
    options.command = in_namespace({"sh", script_, daemon_binary()});
    // Root's usual place is not that of a namespace's root.
    options.environment["XDG_RUNTIME_DIR"] = project_.scratch("runtime");
    std::filesystem::create_directories(project_.scratch("runtime"));
    std::filesystem::permissions(project_.scratch("runtime"), std::filesystem::perms::owner_all);
    // Some end by TERM, some do not, and all of them make others as long as they live.
    project_.add_workflow(
        "churn", shell_step("churn",
                            "for i in $(seq 8); do\n"
                            "  setsid sh -c 'trap \"\" TERM; while :; do sleep 0.01; done' &\n"
                            "  (while :; do sh -c :; done) &\n"
                            "done\n"
                            "wait"));
    daemon_ = std::make_unique<DaemonProcess>(project_, options);
    ASSERT_TRUE(eventually(kSoon, [&] { return !control(project_.socket(), "ping").empty(); }))
        << daemon_->log();
  }
  void TearDown() override {
    if (daemon_) daemon_->kill();
  }

  void kill_runs(int count) {
    int next = 0;
    for (int ended = 0; ended < count; ended += kAtOnce) {
      std::vector<std::string> runs;
      for (int i = 0; i < kAtOnce; ++i) {
        runs.push_back("r" + std::to_string(next++));
        HandOff request;
        request.run_id = runs.back();
        request.workflow_id = "churn";
        request.workflow_path = project_.plan("churn");
        ASSERT_TRUE(hand_off(project_.socket(), request).ok);
      }
      for (const auto& run : runs) {
        ASSERT_TRUE(gateway_.wait_for_event(run, "StepStartEvent")) << daemon_->log();
      }
      for (const auto& run : runs) {
        const auto killed = charter_daemon(project_, {"kill", run});
        ASSERT_EQ(killed.code, 0) << killed.out << killed.err;
        ASSERT_EQ(gateway_.wait_for_end(run), "RunCancelledEvent") << run;
      }
    }
  }
  [[nodiscard]] int strangers_so_far() const {
    int count = 0;
    for (const char* name : {"/count1", "/count2", "/count3"}) {
      const auto lines = lines_of(directory_ + name);
      if (!lines.empty() && !lines.front().empty()) count += std::stoi(lines.front());
    }
    return count;
  }
  void expect_no_stranger_hit(int count) {
    ASSERT_NO_FATAL_FAILURE(kill_runs(count));
    EXPECT_EQ(read_file(directory_ + "/hits"), "");
    EXPECT_TRUE(daemon_->running());
    const int lived = strangers_so_far();
    EXPECT_GT(lived, count) << "there was nobody to be hit";
    std::cout << count << " kills beside " << lived << " short-lived strangers, " << kNumbers - 300
              << " numbers for all\n";
  }

  ProjectFixture project_;
  RecordingGateway gateway_;
  std::string directory_ = project_.scratch("strangers");
  std::string script_ = project_.scratch("strangers.sh");
  std::unique_ptr<DaemonProcess> daemon_;
};

using LongPidReuse = PidReuse;

TEST_F(PidReuse, LetsAKillMeetNoStranger) { expect_no_stranger_hit(kSample); }

TEST_F(LongPidReuse, LetsFourHundredKillsMeetNoStranger) { expect_no_stranger_hit(kMany); }

}  // namespace
}  // namespace charter::tests
