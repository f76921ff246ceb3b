// What becomes of a kill while its note is on its way to the disk.
#include <gtest/gtest.h>

#include <csignal>
#include <future>

#include "supervisor/burst.h"
#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

class KillLadderTest : public PartsTest {};

// The worker may have died meanwhile, and mode `project` is writing the run's end down. It has no
// handler for the signal.
TEST_F(KillLadderTest, KillWhoseNoteWasSlowDoesNotHitTheWorkerThatWritesTheEnd) {
  life_->accept("hang");
  const RunPtr run = life_->find("hang");
  ASSERT_TRUE(life_->until([&] { return run->progress.next_seq == 1; }));
  std::promise<void> disk_is_fast_again;
  life_->disk().run([until = disk_is_fast_again.get_future().share()] { until.wait(); }, [] {});
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
  life_->execute("/usr/bin/yes");  // ends when it is killed
  ASSERT_EQ(::kill(run->burst->guardian->pid(), SIGKILL), 0);
  EXPECT_TRUE(life_->until([&] { return run->burst != nullptr && run->burst->projecting; }));
  bool disk_is_idle = false;
  life_->disk().run([] {}, [&] { disk_is_idle = true; });
  disk_is_fast_again.set_value();
  ASSERT_TRUE(life_->until([&] { return disk_is_idle; }));
  ASSERT_NE(run->burst, nullptr);
  EXPECT_FALSE(run->burst->kill_sent);
  life_->execute("/proc/self/exe");
  ASSERT_EQ(::kill(run->burst->guardian->pid(), SIGKILL), 0);
  ASSERT_TRUE(life_->reaches("hang", RunState::finished));
  EXPECT_EQ(run->wire, WireStatus::cancelled);
}

}  // namespace
}  // namespace charter::supervisor::tests
