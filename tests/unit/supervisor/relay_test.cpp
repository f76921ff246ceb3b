#include "supervisor/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "ipc/journal.h"
#include "ipc/json_scan.h"
#include "supervisor/tailer.h"

namespace charter::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::size_t kPlenty = 64U << 20;

// A relay with real journals, driven as a link drives it.
class RelayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string made = "/tmp/relay-XXXXXX";
    ASSERT_NE(::mkdtemp(made.data()), nullptr);
    layout_.emplace(made);
    ASSERT_TRUE(layout_->create());
    registry_.emplace(*layout_);
    make_relay(Replay::active);
  }
  void TearDown() override { std::filesystem::remove_all(layout_->root()); }

  void make_relay(Replay replay) {
    Relay::Hooks hooks;
    hooks.wake = [this] { ++wakes_; };
    hooks.received = [this](std::string text) { received_.push_back(std::move(text)); };
    hooks.confirmed = [this](const RunPtr& run) {
      confirmed_[run->id] = run->delivery.confirmed_seq;
    };
    hooks.up = [] {};
    relay_.emplace(Relay::Settings{"worker", 4, replay}, *layout_, *registry_, std::move(hooks));
  }

  RunPtr add_run(const std::string& id) {
    const RunPtr run = registry_->add(id);
    run->order = ++order_;
    run->started_at = "2026-01-02T03:04:05Z";
    run->workflow_path = "/w/plan.yml";
    run->delivery.visible = true;
    run->state = RunState::executing;
    EXPECT_TRUE(ipc::create_journal(layout_->journal(id)));
    return run;
  }

  // Appends events to the run's journal and reads them as the tailer does.
  void write(const RunPtr& run, std::vector<std::string> kinds, std::size_t padding = 0) {
    auto file = ipc::open_journal(layout_->journal(run->id));
    ASSERT_TRUE(file);
    auto journal = ipc::Journal::attach(file->get(), run->progress.end);
    ASSERT_TRUE(journal);
    auto& summary = summaries_[run->id];
    for (const std::string& kind : kinds) {
      ipc::Event event;
      event.run_id = run->id;
      event.seq = run->progress.next_seq;
      event.kind = kind;
      event.json = "{\"kind\":\"" + kind + "\",\"pad\":\"" + std::string(padding, 'x') + "\"}";
      const ipc::JournalFrame frame{1'000'000, event};
      ASSERT_TRUE(journal->append(frame));
      apply_frame(*run, summary, frame, journal->end());
    }
    run->progress.synced_end = run->progress.end;
    run->progress.synced_seq = run->progress.next_seq;
    relay_->events_ready(run);
  }

  std::vector<std::string> fill(std::size_t max_bytes = kPlenty) {
    std::vector<std::string> out;
    relay_->fill(out, max_bytes);
    if (!out.empty()) ++batch_;
    return out;
  }
  void connect() {
    relay_->link_up();
    batch_ = 0;
  }
  // "register", "announced a paused", "a:3".
  static std::vector<std::string> brief(const std::vector<std::string>& messages) {
    std::vector<std::string> result;
    for (const std::string& message : messages) {
      const auto members = ipc::scan_object(message, {});
      const auto text = [&](std::string_view key) {
        const auto* member = ipc::find(*members, key);
        return member == nullptr ? "" : ipc::json_string(member->raw).value_or("");
      };
      if (text("type") == "run.event") {
        result.push_back(text("run_id") + ":" + std::string(ipc::find(*members, "seq")->raw));
      } else if (text("type") == "run.announced") {
        result.push_back("announced " + text("run_id") + " " + text("status"));
      } else {
        result.push_back(text("type"));
      }
    }
    return result;
  }

  std::optional<ipc::Layout> layout_;
  std::optional<Registry> registry_;
  std::optional<Relay> relay_;
  std::map<std::string, ipc::JournalSummary> summaries_;
  std::map<std::string, std::uint64_t> confirmed_;
  std::vector<std::string> received_;
  std::uint64_t order_ = 0;
  std::uint64_t batch_ = 0;
  int wakes_ = 0;
};

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
  relay_->answer("lost");
  EXPECT_THAT(fill(), ElementsAre());
  EXPECT_EQ(wakes_, 0);
}

TEST_F(RelayTest, AnswerToACommandGoesBeforeTheAnnouncementOfItsRun) {
  connect();
  fill();
  const RunPtr run = add_run("a");
  relay_->answer(R"({"type":"command.result"})");
  relay_->announce(run);
  write(run, {"StepStartEvent"});
  EXPECT_THAT(brief(fill()), ElementsAre("command.result", "announced a running", "a:0"));
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
