// The ledger's new snapshot, whose name may or may not reach the disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/call_trace.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

// More segments than the daemon lets be: one begins at each start.
constexpr int kStarts = 18;

TEST(Compaction, WhoseNameCannotBeSyncedLosesNothingThatIsAcceptedAfterIt) {
  if (!tracing_is_possible()) GTEST_SKIP() << "strace is not there, or may not trace";
  ProjectFixture project;
  project.add_workflow("gated", gate_step("gate"));
  const DaemonOptions options;
  for (int i = 0; i < kStarts; ++i) DaemonProcess(project, options).kill();
  const auto run = [&](const DaemonProcess& daemon, const char* id) {
    HandOff request;
    request.run_id = id;
    request.workflow_id = "gated";
    request.workflow_path = project.plan("gated");
    return hand_off(daemon.socket(), request).ok;
  };
  {
    // The first sync of the ledger's directory by each thread; its own makes but this one.
    DaemonOptions failing;
    failing.command = {"/usr/bin/strace",
                       "-D",
                       "-f",
                       "-qq",
                       "-o",
                       project.scratch("trace"),
                       "-P",
                       project.root() + "/.charter/daemon/ledger",
                       "-e",
                       "trace=fsync",
                       "-e",
                       "inject=fsync:error=EIO:when=1",
                       daemon_binary()};
    DaemonProcess daemon(project, failing);
    ASSERT_TRUE(eventually(kSoon, [&] {
      return daemon.log().find("Cannot compact the ledger") != std::string::npos;
    })) << daemon.log();
    ASSERT_TRUE(run(daemon, "r1"));
    ASSERT_TRUE(run(daemon, "r2"));
    daemon.kill();
  }
  const DaemonProcess next(project, options);
  for (const char* id : {"r1", "r2"}) {
    EXPECT_FALSE(run_view(next.socket(), id).empty()) << id << " was accepted and is lost";
  }
}

}  // namespace
}  // namespace charter::tests
