#include "gateway/intake.h"

#include <gtest/gtest.h>

#include "gateway/store.h"
#include "tests/unit/gateway/daemon_client.h"
#include "tests/unit/gateway/scratch.h"

namespace charter::gateway {
namespace {

class IntakeTest : public ::testing::Test {
 protected:
  Outcome take(const std::vector<std::string>& texts, std::int64_t connection = 1,
               const std::string& worker = "w1") {
    Batch batch{.connection = connection,
                .worker_id = worker,
                .peer = "here",
                .received_us = ++now,
                .messages = {}};
    for (const auto& text : texts) {
      auto message = parse_daemon_message(text);
      EXPECT_TRUE(message) << text;
      if (message) batch.messages.push_back(std::move(*message));
    }
    store.database.begin();
    Outcome outcome = store.intake.take(batch);
    store.database.commit();
    return outcome;
  }
  RunRow run(const std::string& id = "r") {
    auto row = store.runs.latest(id, "");
    return row ? *row : RunRow{};
  }
  std::string kinds(std::int64_t id) {
    std::string text;
    for (const auto& event : store.events.page(id, 0, 100, 1U << 20).events) {
      const auto parsed = boost::json::parse(event.event).as_object();
      text += std::to_string(event.seq) + std::string(parsed.at("kind").as_string()) + " ";
    }
    return text;
  }
  std::int64_t keep(CommandRow row) {
    if (row.message.empty()) row.message = "{}";
    row.created_us = ++now;
    store.commands.insert(row);
    return row.id;
  }
  // An order to approve or to deny.
  std::int64_t keep_decision(const std::string& id, bool approved) {
    return keep({.command_id = id,
                 .kind = "resume",
                 .run = run().id,
                 .run_id = "r",
                 .message = std::string(R"({"type":"run.resume","approved":)") +
                            (approved ? "true}" : "false}")});
  }
  void sent(std::int64_t id) { store.commands.moved({id, "sent", 1, now}); }
  CommandRow command(const std::string& id) {
    return store.commands.find(id).value_or(CommandRow{});
  }

  Scratch scratch;
  Store store{scratch.path()};
  std::int64_t now = 1'000;
};

TEST_F(IntakeTest, EventsMoveTheRun) {
  take({register_text(), announced_text("r"), event_text("r", 0, kStepStart)});
  EXPECT_EQ(run().status, "running");
  EXPECT_EQ(run().workflow, "demo");
  take({event_text("r", 1, kStepComplete), event_text("r", 2, kGatePending)});
  EXPECT_EQ(run().status, "paused");
  EXPECT_EQ(run().wait_kind, "gate");
  EXPECT_EQ(run().wait_seq, 2);
  take({event_text("r", 3, kApproved)});
  EXPECT_EQ(run().status, "running");
  EXPECT_FALSE(run().wait_seq);
  const Outcome last = take({event_text("r", 4, kFailed)});
  EXPECT_EQ(run().status, "failed");
  EXPECT_EQ(run().error, "boom");
  EXPECT_TRUE(run().finished_us);
  ASSERT_EQ(last.runs.size(), 1U);
  EXPECT_TRUE(last.runs[0].finished);
  EXPECT_EQ(run().events, 5);
  EXPECT_EQ(run().next_seq, 5);
}

TEST_F(IntakeTest, AHistorySentAgainChangesNothing) {
  const std::vector<std::string> history = {event_text("r", 0, kStepStart),
                                            event_text("r", 1, kStepComplete),
                                            event_text("r", 2, kGatePending)};
  take({announced_text("r"), history[0], history[1], history[2]});
  const RunRow before = run();
  take({announced_text("r", "paused"), history[0], history[1], history[2]}, 2);
  EXPECT_EQ(run().id, before.id);
  EXPECT_EQ(run().status, "paused");
  EXPECT_EQ(run().events, 3);
  EXPECT_EQ(run().bytes, before.bytes);
  EXPECT_EQ(run().wait_seq, 2);
  EXPECT_EQ(kinds(before.id), "0StepStartEvent 1StepCompleteEvent 2GatePendingEvent ");
}

TEST_F(IntakeTest, TheFirstBytesOfAnEventStay) {
  take({announced_text("r"), event_text("r", 0, kStepStart)});
  take({event_text("r", 0, kFailed)});
  EXPECT_EQ(run().status, "running");
  EXPECT_EQ(kinds(run().id), "0StepStartEvent ");
}

TEST_F(IntakeTest, AHoleFilledLaterSaysNothingAboutThePresent) {
  take({announced_text("r"), event_text("r", 5, kComplete)});
  take({announced_text("r", "completed"), event_text("r", 4, kStepStart)}, 2);
  EXPECT_EQ(run().status, "completed");
  EXPECT_EQ(run().next_seq, 6);
  EXPECT_EQ(kinds(run().id), "4StepStartEvent 5RunCompleteEvent ");
}

TEST_F(IntakeTest, ARunIdUsedAgainIsAnotherRun) {
  take({announced_text("r", "running", "2026-01-01T00:00:00Z"), event_text("r", 0, kComplete)});
  const auto first = run().id;
  take({announced_text("r", "running", "2026-01-02T00:00:00Z"), event_text("r", 0, kStepStart)});
  EXPECT_NE(run().id, first);
  EXPECT_EQ(run().status, "running");
  EXPECT_EQ(kinds(first), "0RunCompleteEvent ");
  EXPECT_EQ(kinds(run().id), "0StepStartEvent ");
}

// Two projects on one host share the default worker id, and may share run ids.
TEST_F(IntakeTest, TwoConnectionsOfOneNameDoNotMixTheirRuns) {
  take({register_text(), announced_text("r", "running", "2026-01-01T00:00:00Z")}, 1);
  take({register_text(), announced_text("r", "running", "2026-01-02T00:00:00Z")}, 2);
  take({event_text("r", 0, kStepStart)}, 1);
  take({event_text("r", 0, kGatePending)}, 2);
  const auto runs = store.runs.list({}, 0, 10);
  ASSERT_EQ(runs.size(), 2U);
  EXPECT_EQ(kinds(runs[1].id), "0StepStartEvent ");
  EXPECT_EQ(kinds(runs[0].id), "0GatePendingEvent ");
}

TEST_F(IntakeTest, AnEventWithoutAnnouncementBelongsToTheLatestRun) {
  take({announced_text("r"), event_text("r", 0, kStepStart)}, 1);
  take({event_text("r", 1, kComplete)}, 2);
  EXPECT_EQ(run().status, "completed");
  take({event_text("stray", 0, kStepStart)}, 2);
  EXPECT_EQ(run("stray").status, "running");
}

TEST_F(IntakeTest, AnAnnouncedEndIsNotUndoneByTheEventsBeforeIt) {
  take({announced_text("r", "completed"), event_text("r", 0, kStepStart)});
  EXPECT_EQ(run().status, "completed");
  EXPECT_FALSE(run().finished_us);
  take({event_text("r", 1, kComplete)});
  EXPECT_TRUE(run().finished_us);
}

TEST_F(IntakeTest, ABatchRolledBackCanBeTakenAgain) {
  Batch batch{.connection = 1, .worker_id = "w1", .peer = "", .received_us = 1, .messages = {}};
  for (const auto& text : {announced_text("r"), event_text("r", 0, kStepStart)}) {
    batch.messages.push_back(*parse_daemon_message(text));
  }
  store.database.begin();
  (void)store.intake.take(batch);
  store.database.rollback();
  store.intake.forget();
  EXPECT_EQ(run().id, 0);
  store.database.begin();
  (void)store.intake.take(batch);
  store.database.commit();
  EXPECT_EQ(run().events, 1);
}

TEST_F(IntakeTest, AnswersSettleTheirCommands) {
  keep({.command_id = "a", .kind = "start", .run_id = "r", .worker_id = "w1"});
  keep({.command_id = "b", .kind = "start", .run_id = "s", .worker_id = "w1"});
  const Outcome outcome = take(
      {result_text("a", true), result_text("b", false, R"("bad")"), result_text("nobody", true)});
  EXPECT_EQ(outcome.settled.size(), 2U);
  EXPECT_EQ(command("a").state, "done");
  EXPECT_EQ(command("b").state, "failed");
  EXPECT_EQ(command("b").code, "bad");
  take({result_text("b", true)});
  EXPECT_EQ(command("b").state, "failed");
}

// A daemon of the stock kind never repeats an answer that was lost.
TEST_F(IntakeTest, ARunThatAppearsAnswersItsStart) {
  keep({.command_id = "a", .kind = "start", .run_id = "r", .worker_id = "w1"});
  take({announced_text("other"), announced_text("r")});
  EXPECT_EQ(command("a").state, "done");
}

TEST_F(IntakeTest, EventsShowThatACommandTookEffect) {
  take({announced_text("r"), event_text("r", 0, kGatePending)});
  sent(keep_decision("a", true));
  take({event_text("r", 1, kApproved)});
  EXPECT_EQ(command("a").state, "done");
  sent(keep({.command_id = "b", .kind = "cancel", .run = run().id, .run_id = "r"}));
  take({event_text("r", 2, kCancelled)});
  EXPECT_EQ(command("b").state, "done");
}

TEST_F(IntakeTest, CommandsThatCameTooLateFail) {
  take({announced_text("r"), event_text("r", 0, kGatePending)});
  keep_decision("a", true);
  take({event_text("r", 1, kApproved)});
  EXPECT_EQ(command("a").state, "failed");
  EXPECT_EQ(command("a").code, "already_decided");
  sent(keep({.command_id = "b", .kind = "cancel", .run = run().id, .run_id = "r"}));
  take({event_text("r", 2, kComplete)});
  EXPECT_EQ(command("b").state, "failed");
  EXPECT_EQ(command("b").code, "run_finished");
}

TEST_F(IntakeTest, ADecisionOfSomebodyElseIsNotTakenForTheOneThatWasOrdered) {
  take({announced_text("r"), event_text("r", 0, kGatePending)});
  sent(keep_decision("approval", true));
  sent(keep_decision("denial", false));
  take({event_text("r", 1, kRefused)});
  EXPECT_EQ(command("approval").state, "failed");
  EXPECT_EQ(command("approval").code, "already_decided");
  EXPECT_EQ(command("denial").state, "done");
  take({event_text("r", 2, kGatePending)});
  sent(keep_decision("late denial", false));
  take({event_text("r", 3, kApproved)});
  EXPECT_EQ(command("late denial").code, "already_decided");
}

// What the disk refused is written later, when the command may be further on.
TEST_F(IntakeTest, HowFarACommandIsNeverGoesBack) {
  const auto id = keep({.command_id = "a", .kind = "start", .run_id = "r", .worker_id = "w1"});
  store.commands.moved({id, "delivered", 1, 5});
  store.commands.moved({id, "sent", 1, 5});
  EXPECT_EQ(command("a").state, "delivered");
  store.commands.moved({id, "sent", 2, 6});
  store.commands.moved({id, "delivered", 1, 5});
  EXPECT_EQ(command("a").state, "sent");
  EXPECT_EQ(command("a").sends, 2);
  take({result_text("a", true)});
  store.commands.moved({id, "delivered", 2, 6});
  EXPECT_EQ(command("a").state, "done");
}

TEST_F(IntakeTest, AConnectionTakesThePlaceOfThoseThatEnded) {
  take({register_text()}, 1);
  take({register_text()}, 2);
  store.intake.disconnected(1, 5);
  EXPECT_EQ(store.workers.absent(10).size(), 1U);
  take({register_text()}, 3);
  EXPECT_TRUE(store.workers.absent(10).empty());
  EXPECT_EQ(store.workers.reset(), 3);
  EXPECT_EQ(store.workers.absent(10).size(), 2U);
}

}  // namespace
}  // namespace charter::gateway
