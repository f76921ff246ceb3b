#include "supervisor/relay.h"

#include "tests/unit/supervisor/relay_fixture.h"

namespace charter::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(RelayTest, ConnectionBeginsWithRegisterThenAnnouncementsThenEvents) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent", "GatePendingEvent"});
  connect();
  const auto messages = fill();
  EXPECT_THAT(brief(messages), ElementsAre("worker.register", "announced a paused", "a:0", "a:1"));
  EXPECT_EQ(messages[0],
            R"({"type":"worker.register","worker_id":"worker","capabilities":{"max_runs":4},)"
            R"("active_runs":["a"]})");
  EXPECT_THAT(fill(), ElementsAre());
}

TEST_F(RelayTest, NothingIsSentWhileNoConnectionStands) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent"});
  relay_->announce(run);
  relay_->answer({"lost", std::nullopt, {}});
  EXPECT_THAT(fill(), ElementsAre());
  EXPECT_EQ(wakes_, 0);
}

TEST_F(RelayTest, AnswerToACommandGoesBeforeTheAnnouncementOfItsRun) {
  connect();
  fill();
  const RunPtr run = add_run("a");
  relay_->answer({"c", "a", {}});
  relay_->announce(run);
  write(run, {"StepStartEvent"});
  EXPECT_THAT(brief(fill()), ElementsAre("command.result", "announced a running", "a:0"));
}

TEST_F(RelayTest, AnswersThatFillABatchHoldUpWhatFollowsThem) {
  connect();
  fill();
  for (int count = 0; count < 100; ++count) {
    relay_->answer({"c", "a", {false, "code", std::string(10'000, 'x')}});
  }
  relay_->announce(add_run("a"));
  std::size_t answers = 0;
  for (auto part = brief(fill(64U << 10)); part.back() == "command.result";
       part = brief(fill(64U << 10))) {
    EXPECT_LE(part.size(), 7U);
    answers += part.size();
    ASSERT_LE(answers, 100U);
  }
  EXPECT_GE(answers, 93U);
  EXPECT_EQ(answers % 7, 0U) << "the last come with the announcement";
}

TEST_F(RelayTest, NoCommandIsTakenWhile64MiBOfAnswersWait) {
  connect();
  fill();
  const std::string command = R"({"type":"run.cancel","run_id":"r"})";
  for (int count = 0; count < 64; ++count) {
    ASSERT_TRUE(relay_->received(command));
    relay_->answer(malformed_command(std::string(1U << 20, 'x'), "command_id: too long"));
  }
  EXPECT_FALSE(relay_->received(command));
}

TEST_F(RelayTest, RunThatHasNotBegunIsNotShown) {
  const RunPtr run = add_run("a");
  run->delivery.visible = false;
  run->state = RunState::queued;
  connect();
  const auto messages = fill();
  EXPECT_THAT(brief(messages), ElementsAre("worker.register"));
  EXPECT_THAT(messages[0], HasSubstr(R"("active_runs":[])"));
  EXPECT_THAT(relay_->heartbeat(), HasSubstr(R"("load":{"running":0,"paused":0})"));
}

TEST_F(RelayTest, WhatWasNotConfirmedIsSentAgainAndHistoryOfActiveRunsToo) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent", "StepCompleteEvent", "StepStartEvent"});
  connect();
  fill();
  relay_->confirmed(batch_);
  EXPECT_EQ(confirmed_["a"], 3U);
  write(run, {"StepCompleteEvent"});
  fill();  // not confirmed
  relay_->link_down("gone");
  connect();
  EXPECT_THAT(brief(fill()),
              ElementsAre("worker.register", "announced a running", "a:0", "a:1", "a:2", "a:3"));
}

TEST_F(RelayTest, ReplayOfTheUnconfirmedLeavesHistoryOut) {
  make_relay(Replay::unconfirmed);
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent", "StepCompleteEvent"});
  connect();
  fill();
  relay_->confirmed(batch_);
  write(run, {"StepStartEvent"});
  relay_->link_down("gone");
  connect();
  EXPECT_THAT(brief(fill()), ElementsAre("worker.register", "announced a running", "a:2"));
}

TEST_F(RelayTest, FinishedRunSendsOnlyWhatIsMissingAndIsNotAmongTheActive) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent", "StepCompleteEvent"});
  connect();
  fill();
  relay_->confirmed(batch_);
  write(run, {"RunCompleteEvent"});
  run->state = RunState::finished;
  relay_->link_down("gone");
  connect();
  const auto messages = fill();
  EXPECT_THAT(messages[0], HasSubstr(R"("active_runs":[])"));
  EXPECT_THAT(brief(messages), ElementsAre("worker.register", "announced a completed", "a:2"));
}

TEST_F(RelayTest, OnlyTheLastTenThousandConfirmedEventsAreRepeated) {
  const RunPtr run = add_run("a");
  write(run, std::vector<std::string>(12'000, "StepRetryEvent"));
  connect();
  while (!fill().empty()) {
  }
  relay_->confirmed(batch_);
  relay_->link_down("gone");
  connect();
  const auto first = brief(fill());
  EXPECT_EQ(first.at(2), "a:2000");
}

TEST_F(RelayTest, RunsTakeTurnsOf256Events) {
  const RunPtr big = add_run("big");
  const RunPtr small = add_run("small");
  connect();
  fill();
  write(big, std::vector<std::string>(600, "StepRetryEvent"));
  write(small, {"StepStartEvent", "StepCompleteEvent"});
  const auto order = brief(fill());
  ASSERT_EQ(order.size(), 602U);
  EXPECT_EQ(order[255], "big:255");
  EXPECT_EQ(order[256], "small:0");
  EXPECT_EQ(order[257], "small:1");
  EXPECT_EQ(order[258], "big:256");
}

TEST_F(RelayTest, RunsTakeTurnsOf64KiB) {
  const RunPtr big = add_run("big");
  const RunPtr small = add_run("small");
  connect();
  fill();
  write(big, std::vector<std::string>(20, "StepRetryEvent"), 10'000);
  write(small, {"StepStartEvent"});
  const auto order = brief(fill());
  EXPECT_EQ(order[6], "big:6");
  EXPECT_EQ(order[7], "small:0");
}

// All else waits while a journal is read.
TEST_F(RelayTest, NoMoreThanAMiBIsLookedAtAtOnceWhateverIsInIt) {
  for (const WireProtocol protocol : {WireProtocol::json, WireProtocol::capnp}) {
    const RunPtr run = add_run(protocol == WireProtocol::json ? "a" : "b");
    connect(protocol);
    fill();
    write_states(run, 12, 600U << 10);
    write(run, {"StepStartEvent"});
    int fills = 0;
    EXPECT_EQ(fill_when_woken(fills).size(), 1U);
    EXPECT_GE(fills, 6);
    EXPECT_LE(fills, 8) << "nothing is looked at twice";
    EXPECT_EQ(run->delivery.sent_seq, 1U);
    relay_->confirmed(batch_);
    run->state = RunState::finished;
    relay_->link_down("gone");
  }
}

TEST_F(RelayTest, AConfirmedPastIsPassedOverInParts) {
  const RunPtr run = add_run("a");
  write(run, std::vector<std::string>(13'000, "StepRetryEvent"), 1'000);
  connect();
  while (!fill().empty()) {
  }
  relay_->confirmed(batch_);
  relay_->link_down("gone");
  connect();
  EXPECT_THAT(brief(fill()), ElementsAre("worker.register", "announced a running"));
  int fills = 0;
  const auto messages = fill_when_woken(fills);
  EXPECT_GE(fills, 3);
  ASSERT_FALSE(messages.empty());
  EXPECT_EQ(brief({messages[0]})[0], "a:3000");
}

TEST_F(RelayTest, BatchStopsNearItsLimitAndGoesOnInOrder) {
  const RunPtr run = add_run("a");
  connect();
  fill();
  write(run, std::vector<std::string>(300, "StepRetryEvent"), 1'000);
  std::vector<std::string> all;
  for (auto part = fill(100'000); !part.empty(); part = fill(100'000)) {
    std::size_t bytes = 0;
    for (const auto& message : part) bytes += message.size();
    EXPECT_LE(bytes, 100'000U + (64U << 10) + 2'000U);
    for (auto& one : brief(part)) all.push_back(std::move(one));
  }
  ASSERT_EQ(all.size(), 300U);
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], "a:" + std::to_string(i));
}

TEST_F(RelayTest, UnsentEventsGoBeforeRepeatedOnes) {
  const RunPtr old = add_run("old");
  write(old, {"StepStartEvent", "StepCompleteEvent"});
  connect();
  fill();
  relay_->confirmed(batch_);
  relay_->link_down("gone");
  const RunPtr fresh = add_run("fresh");
  write(fresh, {"StepStartEvent"});
  connect();
  EXPECT_THAT(brief(fill()), ElementsAre("worker.register", "announced old running",
                                         "announced fresh running", "fresh:0", "old:0", "old:1"));
}

TEST_F(RelayTest, RepeatingRunWithSomethingNewMovesToTheFront) {
  const RunPtr one = add_run("one");
  const RunPtr two = add_run("two");
  write(one, {"StepStartEvent"});
  write(two, {"StepStartEvent"});
  connect();
  fill();
  relay_->confirmed(batch_);
  relay_->link_down("gone");
  connect();
  write(two, {"StepCompleteEvent"});
  EXPECT_THAT(brief(fill()), ElementsAre("worker.register", "announced one running",
                                         "announced two running", "two:0", "two:1", "one:0"));
}

TEST_F(RelayTest, ConfirmationOfALaterBatchConfirmsTheEarlierOnes) {
  const RunPtr run = add_run("a");
  connect();
  fill();
  write(run, {"StepStartEvent"});
  fill();
  write(run, {"StepCompleteEvent"});
  fill();
  relay_->confirmed(2);
  EXPECT_EQ(confirmed_["a"], 1U);
  relay_->confirmed(3);
  EXPECT_EQ(confirmed_["a"], 2U);
}

TEST_F(RelayTest, EventsThatAreNotDurableAreNotSent) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent", "StepCompleteEvent"});
  const Progress all = run->progress;
  write(run, {"StepStartEvent"});
  run->progress.synced_end = all.synced_end;
  run->progress.synced_seq = all.synced_seq;
  connect();
  EXPECT_THAT(brief(fill()), ElementsAre("worker.register", "announced a running", "a:0", "a:1"));
}

// What could not be read can be a run's last event: no other and no new connection may ever come.
TEST_F(RelayTest, JournalThatCannotBeReadIsReadAgain) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent", "RunCompleteEvent"});
  const std::string journal = layout_->journal("a");
  std::filesystem::rename(journal, journal + ".away");
  connect();
  EXPECT_THAT(brief(fill()), ElementsAre("worker.register", "announced a completed"));
  std::filesystem::rename(journal + ".away", journal);
  EXPECT_THAT(fill(), ElementsAre()) << "without a pause";
  wait_for_wake();
  EXPECT_THAT(brief(fill()), ElementsAre("a:0", "a:1"));
}

TEST_F(RelayTest, TriesToReadAJournalBecomeRarer) {
  const RunPtr run = add_run("a");
  write(run, {"StepStartEvent"});
  std::filesystem::remove(layout_->journal("a"));
  connect();
  fill();
  std::vector<std::chrono::milliseconds> waits;
  for (int tries = 0; tries < 3; ++tries) {
    const auto begun = std::chrono::steady_clock::now();
    wait_for_wake();
    EXPECT_THAT(fill(), ElementsAre());
    waits.push_back(std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - begun));
  }
  using std::chrono::milliseconds;
  EXPECT_THAT(waits, ElementsAre(::testing::Ge(milliseconds(90)), ::testing::Ge(milliseconds(180)),
                                 ::testing::Ge(milliseconds(360))));
}

TEST_F(RelayTest, EventIsTheStockMessageWithItsBytesUnchanged) {
  const RunPtr run = add_run("a");
  connect();
  fill();
  write(run, {"RunCompleteEvent"});
  EXPECT_THAT(fill(),
              ElementsAre(R"({"type":"run.event","run_id":"a","worker_id":"worker","seq":0,)"
                          R"("stream_seq":null,"occurred_at":"1970-01-01T00:00:01Z",)"
                          R"("event":{"kind":"RunCompleteEvent","pad":""}})"));
}

TEST_F(RelayTest, HeartbeatCountsWhatGatewaysSee) {
  add_run("running");
  const RunPtr paused = add_run("paused");
  write(paused, {"GatePendingEvent"});
  const RunPtr ended = add_run("ended");
  write(ended, {"RunFailedEvent"});
  EXPECT_EQ(relay_->heartbeat(),
            R"({"type":"worker.heartbeat","worker_id":"worker","load":{"running":1,"paused":1}})");
}

}  // namespace
}  // namespace charter::supervisor
