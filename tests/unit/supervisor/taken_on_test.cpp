// Runs that were taken on from a paused state file, and of which no worker has written yet: they
// wait, whatever becomes of the file.
#include <gtest/gtest.h>

#include <fstream>

#include "ipc/codec.h"
#include "supervisor/burst.h"
#include "supervisor/forgetting.h"
#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

class TakenOn : public PartsTest {
 protected:
  void write(const std::string& id, const std::string& status, const std::string& step = "gate") {
    const std::string path = layout_->state_file(id);
    std::ofstream(path + ".new") << R"({"run_id":")" << id << R"(","status":")" << status
                                 << R"(","current_step_id":")" << step << R"("})";
    std::filesystem::rename(path + ".new", path);
  }
  // By a request that comes to nothing: it waits at no form.
  RunPtr take_on(const std::string& id) {
    write(id, "paused");
    bool refused = false;
    life_->commands().submit({id, "{}", "", -1},
                             [&](const CommandRefusal& refusal) { refused = refusal.has_value(); });
    EXPECT_TRUE(life_->until([&] { return refused; }));
    return life_->find(id);
  }
  // How many workers have begun to execute it.
  std::size_t bursts(const std::string& id) const { return frames<ipc::Opened>(id); }
};

TEST_F(TakenOn, RunsAreNotExecutedUnaskedByTheNextSupervisor) {
  const std::vector<std::string> ids = {"complete-paused", "complete-failed", "complete-cancelled",
                                        "complete-running", "complete-gone"};
  for (const std::string& id : ids) ASSERT_NE(take_on(id), nullptr);
  for (const char* status : {"failed", "cancelled", "running"}) {
    write(std::string("complete-") + status, status);
  }
  std::filesystem::remove(layout_->state_file("complete-gone"));
  restart();
  for (const std::string& id : ids) {
    EXPECT_EQ(life_->find(id)->state, RunState::paused) << id;
    EXPECT_EQ(life_->find(id)->waits_at, PauseKind::gate) << id;
  }
  life_->accept("complete");  // behind them in every queue
  ASSERT_TRUE(life_->reaches("complete", RunState::finished));
  for (const std::string& id : ids) EXPECT_EQ(bursts(id), 0U) << id;
  EXPECT_FALSE(std::filesystem::exists(layout_->state_file("complete-gone")));
}

TEST_F(TakenOn, RunsWithoutAJournalAreNotExecutedUnaskedEither) {
  ASSERT_NE(take_on("complete-other"), nullptr);
  life_->flush();
  life_.reset();
  std::filesystem::remove(layout_->journal("complete-other"));
  begin();
  EXPECT_EQ(life_->find("complete-other")->state, RunState::paused);
  life_->accept("complete");
  ASSERT_TRUE(life_->reaches("complete", RunState::finished));
  EXPECT_EQ(life_->find("complete-other")->state, RunState::paused);
  EXPECT_EQ(life_->approve("complete-other"), std::nullopt);
  EXPECT_TRUE(life_->reaches("complete-other", RunState::finished));
}

// The daemon before was killed between its journal and the record that speaks of it.
TEST_F(TakenOn, JournalOfARequestThatWasNeverAnsweredIsInNobodysWay) {
  write("complete-other", "paused");
  ASSERT_TRUE(ipc::create_journal(layout_->journal("complete-other")));
  restart();
  Forgetting forgetting(*layout_, life_->ledger(), life_->disk(), life_->registry(),
                        [](const RunPtr&) {});
  std::optional<std::optional<Refusal>> forgotten;
  forgetting.forget({"complete-other", true}, [&](const auto& refusal) { forgotten = refusal; });
  ASSERT_TRUE(life_->until([&] { return forgotten.has_value(); }));
  ASSERT_TRUE(forgotten->has_value());
  EXPECT_EQ((*forgotten)->code, "still_active");
  EXPECT_TRUE(std::filesystem::exists(layout_->state_file("complete-other")));
  EXPECT_EQ(life_->approve("complete-other"), std::nullopt);
  EXPECT_TRUE(life_->reaches("complete-other", RunState::finished));
}

TEST_F(TakenOn, ApprovalAcceptedBeforeADeathTakesEffectAfterIt) {
  begin(1);
  life_->accept("hang");
  ASSERT_TRUE(life_->reaches("hang", RunState::executing));
  write("complete-other", "paused");
  EXPECT_EQ(life_->approve("complete-other"), std::nullopt);
  restart(1);
  EXPECT_EQ(life_->find("complete-other")->state, RunState::paused);
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
  EXPECT_TRUE(life_->reaches("complete-other", RunState::finished));
}

// As of other runs that wait.
TEST_F(TakenOn, WhatAnotherHandDoesToARunIsNoticed) {
  const RunPtr run = take_on("complete-other");
  write("complete-other", "paused", "later");
  EXPECT_TRUE(life_->until([&] { return run->step == "later"; }));
  write("complete-other", "failed");
  EXPECT_TRUE(life_->reaches("complete-other", RunState::finished));
  EXPECT_EQ(run->wire, WireStatus::failed);
  EXPECT_EQ(bursts("complete-other"), 0U);
}

TEST_F(TakenOn, WhatAnotherHandHasDoneMeanwhileIsNoticedByTheNextSupervisor) {
  ASSERT_NE(take_on("complete-other"), nullptr);
  write("complete-other", "running");
  restart();
  const RunPtr run = life_->find("complete-other");
  // A worker looks, and leaves it to that hand.
  const auto looks = [&] { return life_->metrics.spawn_time.count(); };
  EXPECT_TRUE(life_->until([&] { return looks() > 0 && run->state == RunState::paused; }));
  write("complete-other", "failed");
  EXPECT_TRUE(life_->reaches("complete-other", RunState::finished));
  EXPECT_EQ(run->wire, WireStatus::failed);
  EXPECT_EQ(bursts("complete-other"), 0U);
}

// Somebody else's may come there any moment.
TEST_F(TakenOn, NoStateFileIsMadeOfNothing) {
  PendingFiles files(life_->context().get_executor(), life_->disk(), *layout_,
                     [](const RunPtr&) {});
  const auto queued = [](const std::string& id, const std::string& state) {
    const auto run = std::make_shared<supervisor::Run>();
    run->id = id;
    run->state_bytes = state;
    return run;
  };
  const RunPtr without = queued("without", "");
  const RunPtr with = queued("with", "{}");
  files.expect(without);
  files.expect(with);
  EXPECT_TRUE(life_->until([&] { return std::filesystem::exists(layout_->state_file("with")); }));
  EXPECT_FALSE(std::filesystem::exists(layout_->state_file("without")));
}

}  // namespace
}  // namespace charter::supervisor::tests
