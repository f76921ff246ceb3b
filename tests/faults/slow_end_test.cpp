// Who tells a daemon to stop waits for it: tidying up for others is no reason to be late.
#include <gtest/gtest.h>

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

}  // namespace
}  // namespace charter::tests
