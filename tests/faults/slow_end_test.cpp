// Who tells a daemon to stop waits for it: tidying up for others is no reason to be late.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "ipc/short_name.h"
#include "tests/support/daemon_process.h"
#include "tests/support/hand_off_client.h"
#include "tests/support/injection.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;

// Three calls of 300 ms for each: half a minute for all of them.
constexpr const char* kSlow = "delay_enter=300000";
constexpr int kAbandoned = 34;
constexpr milliseconds kInTime{10'000};

TEST(SlowEnd, DaemonDoesNotStayToRemoveWhatOthersLeft) {
  if (!Injection::possible()) GTEST_SKIP() << "strace is not installed";
  const ProjectFixture project;
  DaemonOptions options;
  const std::string session = project.scratch("run");
  options.environment["XDG_RUNTIME_DIR"] = session;
  fs::create_directory(session);
  DaemonProcess daemon(project, options);
  ASSERT_FALSE(control(daemon.socket(), "ping").empty());  // it serves, so it ends in order
  const std::string base = session + "/charter-daemon";
  for (int i = 0; i < kAbandoned; ++i) {
    const std::string gone = project.scratch("gone-" + std::to_string(i));
    fs::create_directory(base + "/" + ipc::hash_of(gone));
    fs::create_symlink(gone, base + "/" + ipc::hash_of(gone) + "/data");
  }
  const auto entries = [&base] { return std::distance(fs::directory_iterator(base), {}); };
  ASSERT_EQ(entries(), kAbandoned + 1);
  const Injection slow(daemon.pid(), "unlinkat", kSlow, "1+");
  EXPECT_LT(daemon.stop(), kInTime);
  // It had begun: the calls were slow, and the next daemon that ends goes on.
  EXPECT_LT(entries(), kAbandoned + 1);
  EXPECT_GT(entries(), 1);
}

// The syncs of many journals are one piece of work: nobody waits for what is left of it, since it
// would not be told any more.
int runs_in_state(const std::string& socket, const std::string& state) {
  const auto lines = control(socket, "list");
  if (lines.empty()) return 0;
  return static_cast<int>(std::ranges::count_if(
      lines.back().at("runs").as_array(),
      [&](const auto& run) { return text_of(run.as_object(), "state") == state; }));
}

TEST(SlowEnd, DaemonDoesNotStayToSyncWhatItWillNotTell) {
  if (!Injection::possible()) GTEST_SKIP() << "strace is not installed";
  constexpr int kRuns = 16;
  const ProjectFixture project;
  const std::string release = project.scratch("release");
  project.add_workflow("held", hold_step("wait", release));
  DaemonOptions options;
  options.arguments = {"--max-runs", std::to_string(kRuns)};
  DaemonProcess daemon(project, options);
  const auto each = [](const auto& act) {
    for (int i = 0; i < kRuns; ++i) act("r" + std::to_string(i));
  };
  each([&](const std::string& run) {
    ASSERT_TRUE(hand_off(daemon.socket(), {run, "held", project.plan("held"), {}, {}, nullptr}).ok);
  });
  each([&](const std::string& run) {
    ASSERT_TRUE(reaches_state(daemon.socket(), run, "executing"));
  });
  {
    const Injection slow(daemon.pid(), "fdatasync", "delay_enter=1500000", "1+");
    write_file(release, "");
    each([&](const std::string& run) {
      ASSERT_TRUE(eventually(kSoon, [&] { return project.processes_of(run).empty(); }));
    });
    // The first alone; then all others together.
    ASSERT_TRUE(eventually(kSoon, [&] { return runs_in_state(daemon.socket(), "finished") > 0; }));
    EXPECT_LT(daemon.stop(), kInTime);
  }
  daemon.start();
  each([&](const std::string& run) {
    EXPECT_TRUE(reaches_state(daemon.socket(), run, "finished"));
  });
}

}  // namespace
}  // namespace charter::tests
