#include "supervisor/slot_queue.h"

#include <gtest/gtest.h>

#include <string>

namespace charter::supervisor {
namespace {

RunPtr queued(const std::string& id) {
  auto run = std::make_shared<Run>();
  run->id = id;
  return run;
}

RunPtr decided(const std::string& id) {
  RunPtr run = queued(id);
  run->state = RunState::paused;
  run->waits_at = PauseKind::gate;
  ipc::Command approval;
  approval.kind = "approve";
  run->commands.push_back(approval);
  return run;
}

std::string id_of(const RunPtr& run) { return run == nullptr ? "" : run->id; }

TEST(SlotQueueTest, NewRunsBeginInTheOrderTheyCame) {
  SlotQueue queue(2);
  for (const char* id : {"a", "b", "c"}) queue.add_start(queued(id));
  const RunPtr first = queue.take();
  EXPECT_EQ(id_of(first), "a");
  EXPECT_EQ(id_of(queue.take()), "b");
  EXPECT_EQ(queue.take(), nullptr);
  queue.release(*first);
  EXPECT_EQ(id_of(queue.take()), "c");
}

TEST(SlotQueueTest, ResumedRunGoesBeforeNewOnesThatCameEarlier) {
  SlotQueue queue(1);
  queue.add_start(queued("new"));
  queue.add_resume(decided("resumed"));
  const RunPtr first = queue.take();
  EXPECT_EQ(id_of(first), "resumed");
  queue.release(*first);
  EXPECT_EQ(id_of(queue.take()), "new");
}

TEST(SlotQueueTest, RunCancelledWhileItWaitsIsPassedOver) {
  SlotQueue queue(1);
  const RunPtr cancelled = queued("cancelled");
  queue.add_start(cancelled);
  queue.add_start(queued("next"));
  ipc::Command cancel;
  cancel.kind = "cancel";
  cancelled->commands.push_back(cancel);
  EXPECT_EQ(id_of(queue.take()), "next");
}

TEST(SlotQueueTest, RunThatCouldNotStartKeepsItsPlace) {
  SlotQueue queue(1);
  queue.add_start(queued("first"));
  queue.add_start(queued("second"));
  const RunPtr first = queue.take();
  queue.release(*first);
  queue.return_to_front(first);
  EXPECT_EQ(id_of(queue.take()), "first");
}

TEST(SlotQueueTest, RunsFoundAtStartCountEvenOverTheLimit) {
  SlotQueue queue(1);
  const RunPtr one = queued("one");
  const RunPtr two = queued("two");
  queue.occupy(*one);
  queue.occupy(*two);
  queue.add_start(queued("waits"));
  EXPECT_EQ(queue.take(), nullptr);
  queue.release(*one);
  EXPECT_EQ(queue.take(), nullptr);
  queue.release(*two);
  EXPECT_EQ(id_of(queue.take()), "waits");
}

TEST(SlotQueueTest, ReleasingTwiceFreesOneSlot) {
  SlotQueue queue(1);
  queue.add_start(queued("a"));
  const RunPtr run = queue.take();
  queue.release(*run);
  queue.release(*run);
  EXPECT_EQ(queue.used(), 0U);
}

}  // namespace
}  // namespace charter::supervisor
