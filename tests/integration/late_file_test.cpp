// A run that has ended while its state file could not be written.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

// A daemon that holds executes no worker, not even for this.
TEST(LateFile, OfARunThatADaemonFoundWhileItHeldIsWrittenOnceItIsAdopted) {
  Started scene;
  const std::string release = scene.project.scratch("release");
  scene.project.add_workflow("hold", hold_step("wait", release));
  ASSERT_TRUE(scene.run("r1", "hold").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  const pid_t guardian = guardian_of(scene.daemon.socket(), "r1");
  ASSERT_GT(guardian, 1);
  scene.daemon.kill();
  const std::string runs = scene.project / ".charter/runs";
  std::filesystem::rename(runs, runs + ".elsewhere");
  write_file(runs, "in the way");
  write_file(release, "");
  ASSERT_TRUE(eventually(kRunTime, [&] { return !alive(guardian); }));
  std::filesystem::remove(runs);
  std::filesystem::rename(runs + ".elsewhere", runs);
  write_file(scene.project / ".charter/daemon/ledger/holding", "to see it\n");
  scene.daemon.start();
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "finished")) << scene.daemon.log();
  const auto shows = [&](const std::string& status) {
    return read_file(scene.project.state_file("r1")).find(status) != std::string::npos;
  };
  EXPECT_FALSE(shows("\"status\": \"completed\""));
  ASSERT_EQ(charter_daemon(scene.project, {"adopt"}).code, 0);
  EXPECT_TRUE(eventually(kRunTime, [&] { return shows("\"status\": \"completed\""); }))
      << scene.daemon.log();
}

}  // namespace
}  // namespace charter::tests
