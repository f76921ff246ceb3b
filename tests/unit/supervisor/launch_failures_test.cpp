// Runs whose workers cannot be started: what is one run's own fault holds no other up.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "supervisor/burst.h"
#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

using ::testing::ElementsAre;

class LaunchFailures : public PartsTest {
 protected:
  void write_paused(const std::string& id) {
    std::ofstream(layout_->state_file(id))
        << R"({"run_id":")" << id << R"(","status":"paused","current_step_id":"gate"})";
  }
  void spoil_journal(const std::string& id) {
    std::filesystem::remove(layout_->journal(id));
    std::filesystem::create_directory(layout_->journal(id));
  }
  void expect_held(const std::string& id) {
    ASSERT_TRUE(life_->reaches(id, RunState::held)) << id;
    EXPECT_FALSE(life_->find(id)->holds_slot) << id;
  }
};

TEST_F(LaunchFailures, RunWhoseJournalCannotBeOpenedHoldsNobodyUpAndIsHeld) {
  begin(1);
  spoil_journal("complete-bad");
  life_->accept("complete-bad");
  life_->accept("complete-1");
  life_->accept("complete-2");
  ASSERT_TRUE(life_->reaches("complete-2", RunState::finished));
  EXPECT_THAT(life_->announced, ElementsAre("complete-1 running", "complete-2 running"));
  expect_held("complete-bad");
}

// It is tried every half a minute, without a restart.
TEST_F(LaunchFailures, HeldRunBeginsOnceItsJournalCanBeOpenedAndAForgottenOneNever) {
  constexpr std::chrono::milliseconds kPulses{2500};
  const auto ids = {"complete-bad", "complete-unwanted", "complete-kept"};
  for (const char* id : ids) {
    spoil_journal(id);
    life_->accept(id);
  }
  for (const char* id : ids) expect_held(id);
  const RunPtr unwanted = life_->find("complete-unwanted");
  (void)life_->registry().forget("complete-unwanted");
  life_->registry().forgotten("complete-unwanted");
  // The ledger cannot be written, which takes it longer than a pulse to say.
  auto kept = life_->registry().forget("complete-kept");
  const auto refused = std::chrono::steady_clock::now() + kPulses;
  EXPECT_TRUE(life_->until([&] { return std::chrono::steady_clock::now() > refused; }));
  life_->registry().put_back(std::move(kept));
  for (const char* id : ids) std::filesystem::remove(layout_->journal(id));
  for (const char* id : {"complete-bad", "complete-kept"}) {
    const RunPtr run = life_->find(id);
    bool begins = false;
    for (int waits = 0; waits < 3 && !begins; ++waits) {
      begins = life_->until([&] { return run->state == RunState::finished; });
    }
    EXPECT_TRUE(begins) << id;
  }
  EXPECT_EQ(unwanted->state, RunState::held);
  EXPECT_FALSE(std::filesystem::exists(layout_->journal("complete-unwanted")));
}

TEST_F(LaunchFailures, DecidedRunWhoseStateIsGoneHoldsNobodyUpAndIsHeld) {
  begin(1);
  life_->accept("hang");
  ASSERT_TRUE(life_->reaches("hang", RunState::executing));
  write_paused("elsewhere");
  EXPECT_EQ(life_->approve("elsewhere"), std::nullopt);
  std::filesystem::remove(layout_->state_file("elsewhere"));
  life_->accept("complete");
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
  ASSERT_TRUE(life_->reaches("complete", RunState::finished));
  expect_held("elsewhere");
}

// The state comes back before it was given up: a mount that was late.
TEST_F(LaunchFailures, DecidedRunWhoseStateComesBackGoesOn) {
  write_paused("complete-elsewhere");
  const std::string path = layout_->state_file("complete-elsewhere");
  life_->commands().decide({"complete-elsewhere", true, std::nullopt, "", -1},
                           [&](const CommandRefusal&) { std::filesystem::remove(path); });
  const auto failed = [&] {
    const RunPtr run = life_->find("complete-elsewhere");
    return run != nullptr && run->decision() != nullptr && !run->holds_slot;
  };
  ASSERT_TRUE(life_->until(failed));
  write_paused("complete-elsewhere");
  EXPECT_TRUE(life_->reaches("complete-elsewhere", RunState::finished));
}

TEST_F(LaunchFailures, RunWhoseProjectCannotBeEnteredHoldsNobodyUpAndIsHeld) {
  begin(1);
  const std::string project = layout_->root() + "/nested";
  std::ofstream(project).close();
  std::filesystem::permissions(project, std::filesystem::perms(0755));  // so that it looks fine
  life_->accept("complete-nested", project);
  life_->accept("complete");
  ASSERT_TRUE(life_->reaches("complete", RunState::finished));
  expect_held("complete-nested");
}

// A mount that is late, seen for a moment only: ten tries are promised.
TEST_F(LaunchFailures, RunWhoseProjectComesBackBeginsWithoutBeingHeld) {
  const std::string project = layout_->root() + "/nested";
  const RunPtr run = life_->accept("complete-nested", project);
  ASSERT_TRUE(life_->until([&] { return run->failed_launches > 0; }));
  EXPECT_EQ(run->state, RunState::queued);
  std::filesystem::create_directory(project);
  EXPECT_TRUE(life_->reaches("complete-nested", RunState::finished));
}

TEST_F(LaunchFailures, RunWhoseProjectComesBackIsCancelled) {
  const std::string project = layout_->root() + "/nested";
  std::filesystem::create_directory(project);
  const RunPtr run = life_->accept("pause-nested", project);
  ASSERT_TRUE(life_->reaches("pause-nested", RunState::paused));
  std::filesystem::remove(project);
  EXPECT_EQ(life_->cancel("pause-nested"), std::nullopt);
  ASSERT_TRUE(life_->until([&] { return run->failed_launches > 0; }));
  std::filesystem::create_directory(project);
  ASSERT_TRUE(life_->reaches("pause-nested", RunState::finished));
  EXPECT_EQ(run->wire, WireStatus::cancelled);
}

TEST_F(LaunchFailures, EndThatCannotBeWrittenHoldsUpNoOther) {
  for (const char* id : {"pause-bad", "pause"}) {
    life_->accept(id);
    ASSERT_TRUE(life_->reaches(id, RunState::paused));
  }
  spoil_journal("pause-bad");
  EXPECT_EQ(life_->cancel("pause-bad"), std::nullopt);
  EXPECT_EQ(life_->cancel("pause"), std::nullopt);
  ASSERT_TRUE(life_->reaches("pause", RunState::finished));
  expect_held("pause-bad");
  EXPECT_EQ(life_->conductor().live(), 0U);
}

TEST_F(LaunchFailures, RunIsCancelledWithoutItsState) {
  begin(1);
  life_->accept("hang");
  ASSERT_TRUE(life_->reaches("hang", RunState::executing));
  write_paused("elsewhere");
  EXPECT_EQ(life_->approve("elsewhere"), std::nullopt);
  std::filesystem::remove(layout_->state_file("elsewhere"));
  EXPECT_EQ(life_->cancel("elsewhere"), std::nullopt);
  ASSERT_TRUE(life_->reaches("elsewhere", RunState::finished));
  EXPECT_EQ(life_->find("elsewhere")->wire, WireStatus::cancelled);
}

// Nobody's fault, and it may pass.
TEST_F(LaunchFailures, WhatKeepsEveryRunFromStartingIsWaitedForInOrder) {
  begin(1);
  life_->execute("/dev/null");
  for (const char* id : {"complete-1", "complete-2", "complete-3"}) life_->accept(id);
  ASSERT_TRUE(life_->until([&] { return life_->metrics.spawn_failures >= 3; }));
  life_->execute("/proc/self/exe");
  ASSERT_TRUE(life_->reaches("complete-3", RunState::finished));
  EXPECT_THAT(life_->announced,
              ElementsAre("complete-1 running", "complete-2 running", "complete-3 running"));
}

}  // namespace
}  // namespace charter::supervisor::tests
