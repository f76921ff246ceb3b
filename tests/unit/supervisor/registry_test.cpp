#include "supervisor/registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "supervisor/ledger_state.h"

namespace charter::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What a ledger that begins with the registry's snapshot knows.
class RegistryTest : public ::testing::Test {
 protected:
  RunPtr over(const std::string& id) {
    const RunPtr run = registry_.add(id);
    run->order = ++orders_;
    run->state = RunState::finished;
    run->wire = WireStatus::failed;
    run->started_at = "then";
    run->progress.next_seq = 5;
    run->delivery.confirmed_seq = 3;
    run->delivery.confirmed_offset = 300;
    run->answered.push_back({7, "c7", "approve", false, "not_paused", "no"});
    return run;
  }
  // Each with what is confirmed of it.
  [[nodiscard]] std::vector<std::string> kept() const {
    LedgerState state;
    for (ipc::LedgerRecord& record : registry_.snapshot("gateway")) state.apply(std::move(record));
    std::vector<std::string> found;
    for (const auto& [id, run] : state.runs) {
      const std::string seq = run.cursor ? std::to_string(run.cursor->seq) : "-";
      const bool whole = run.accepted && run.accepted->order > 0 && run.commands.size() == 1 &&
                         run.outcome_of(7) != nullptr;
      found.push_back(id + " " + seq + (run.closed ? " closed" : "") + (whole ? "" : " in part"));
    }
    return found;
  }

  void expect_kept_until_forgotten(const std::string& id, const std::string& as) {
    ASSERT_THAT(kept(), ElementsAre(as));
    (void)registry_.forget(id);
    EXPECT_EQ(registry_.find(id), nullptr);
    EXPECT_EQ(registry_.find_finished(id), nullptr);
    EXPECT_THAT(kept(), ElementsAre(as));
    registry_.forgotten(id);
    EXPECT_THAT(kept(), IsEmpty());
  }

  const ipc::Layout layout_{"/nowhere"};
  Registry registry_{layout_};

 private:
  std::uint64_t orders_ = 0;
};

// Its journal may be gone at the next start, and then it must not be begun again.
TEST_F(RegistryTest, SnapshotSaysOfARunWithoutAWorkerThatItHasBegun) {
  registry_.add("waits")->order = 1;
  registry_.find("waits")->started_burst = true;
  registry_.add("queued")->order = 2;
  LedgerState state;
  for (ipc::LedgerRecord& record : registry_.snapshot("gateway")) state.apply(std::move(record));
  EXPECT_TRUE(state.runs.at("waits").spawned.has_value());
  EXPECT_FALSE(state.runs.at("queued").spawned.has_value());
}

// A compaction may begin while the record that forgets a run waits, and that record may fail.
TEST_F(RegistryTest, SnapshotKeepsARunUntilTheLedgerHasForgottenIt) {
  over("undelivered");
  expect_kept_until_forgotten("undelivered", "undelivered 3");
}

TEST_F(RegistryTest, SnapshotKeepsADeliveredRunUntilTheLedgerHasForgottenIt) {
  registry_.retire(over("delivered"));
  expect_kept_until_forgotten("delivered", "delivered 5 closed");
}

TEST_F(RegistryTest, RunThatIsPutBackIsInSnapshotsOnceAndAsItWas) {
  over("undelivered");
  auto one = registry_.forget("undelivered");
  registry_.put_back(std::move(one));
  ASSERT_NE(registry_.find("undelivered"), nullptr);
  EXPECT_THAT(kept(), ElementsAre("undelivered 3"));
  EXPECT_EQ(registry_.snapshot("gateway").size(), 4U) << "accepted, command, outcome, cursor";

  registry_.find("undelivered")->delivery.confirmed_seq = 5;
  EXPECT_THAT(kept(), ElementsAre("undelivered 5"));
  registry_.retire(registry_.find("undelivered"));
  auto other = registry_.forget("undelivered");
  registry_.put_back(std::move(other));
  EXPECT_THAT(kept(), ElementsAre("undelivered 5 closed"));
  (void)registry_.forget("undelivered");
  registry_.forgotten("undelivered");
  EXPECT_THAT(kept(), IsEmpty());
}

}  // namespace
}  // namespace charter::supervisor
