#include "supervisor/decide.h"

#include <gtest/gtest.h>

namespace charter::supervisor {
namespace {

using Last = ipc::JournalSummary::Last;

ipc::JournalSummary journal(Last last, const std::string& cause = "start") {
  ipc::JournalSummary summary;
  summary.last = last;
  if (last != Last::none) {
    summary.opened.emplace();
    summary.opened->cause = cause;
  }
  summary.step_begun = last == Last::step_open || last == Last::checkpoint;
  return summary;
}

Facts facts() { return {}; }

TEST(DecideTest, AcceptedWithoutJournalIsQueued) {
  Facts known = facts();
  known.has_journal = false;
  EXPECT_EQ(decide(known, {}), Action::queue);
}

TEST(DecideTest, AcceptedAndLockedIsAdoptedWhateverTheJournalSays) {
  Facts known = facts();
  known.locked = true;
  for (const Last last : {Last::none, Last::opened, Last::step_open, Last::checkpoint, Last::paused,
                          Last::terminal}) {
    EXPECT_EQ(decide(known, journal(last)), Action::adopt);
  }
}

TEST(DecideTest, NoStepBegunStartsAgainThreeTimes) {
  Facts known = facts();
  EXPECT_EQ(decide(known, journal(Last::none)), Action::start_again);
  known.fruitless_starts = 2;
  EXPECT_EQ(decide(known, journal(Last::opened)), Action::start_again);
  known.fruitless_starts = 3;
  EXPECT_EQ(decide(known, journal(Last::opened)), Action::project_starts);
}

TEST(DecideTest, DecisionWhoseBurstDiedBeforeAStepIsRepeated) {
  Facts known = facts();
  known.decision = true;
  EXPECT_EQ(decide(known, journal(Last::opened, "resume")), Action::repeat_decision);
  known.fruitless_starts = 3;
  EXPECT_EQ(decide(known, journal(Last::opened, "resume")), Action::project_starts);
}

TEST(DecideTest, DecisionTheLedgerDoesNotKnowIsNotInvented) {
  EXPECT_EQ(decide(facts(), journal(Last::opened, "resume")), Action::project_lost);
}

TEST(DecideTest, WorkerThatWroteNothingAfterAPauseRepeatsTheDecision) {
  Facts known = facts();
  known.decision = true;
  known.silent = true;
  known.fruitless_starts = 1;
  EXPECT_EQ(decide(known, journal(Last::paused)), Action::repeat_decision);
  known.fruitless_starts = 3;
  EXPECT_EQ(decide(known, journal(Last::paused)), Action::project_starts);
}

TEST(DecideTest, PauseStaysPausedAndTerminalIsDelivered) {
  EXPECT_EQ(decide(facts(), journal(Last::paused)), Action::pause);
  EXPECT_EQ(decide(facts(), journal(Last::terminal)), Action::finish);
}

TEST(DecideTest, InsideAStepAndAfterACheckpointTheRunIsLost) {
  EXPECT_EQ(decide(facts(), journal(Last::step_open)), Action::project_lost);
  EXPECT_EQ(decide(facts(), journal(Last::checkpoint)), Action::project_lost);
}

TEST(DecideTest, EngineWhoseEndIsWrittenDownIsNotStartedAgain) {
  ipc::JournalSummary summary = journal(Last::opened);
  summary.exit.emplace();
  EXPECT_EQ(decide(facts(), summary), Action::project_lost);
}

TEST(DecideTest, AcceptedCancellationWinsUnlessTheRunHasEnded) {
  Facts known = facts();
  known.cancel = true;
  for (const Last last :
       {Last::none, Last::opened, Last::step_open, Last::checkpoint, Last::paused}) {
    EXPECT_EQ(decide(known, journal(last)), Action::project_cancel);
  }
  EXPECT_EQ(decide(known, journal(Last::terminal)), Action::finish);
  known.has_journal = false;
  EXPECT_EQ(decide(known, {}), Action::project_cancel);
}

TEST(DecideTest, AcceptedCancellationOfALivingWorkerIsTheLadder) {
  Facts known = facts();
  known.cancel = true;
  known.locked = true;
  EXPECT_EQ(decide(known, journal(Last::step_open)), Action::kill);
}

TEST(DecideTest, RunTheLedgerDoesNotKnowIsNeverStartedNorKilled) {
  Facts known = facts();
  known.in_ledger = false;
  for (const Last last : {Last::none, Last::opened, Last::step_open, Last::paused}) {
    EXPECT_EQ(decide(known, journal(last)), Action::hold);
  }
  EXPECT_EQ(decide(known, journal(Last::terminal)), Action::finish);
  known.locked = true;
  EXPECT_EQ(decide(known, journal(Last::terminal)), Action::unreachable);
  EXPECT_EQ(decide(known, journal(Last::step_open)), Action::unreachable);
}

TEST(DecideTest, JournalThatCannotBeReadWaitsForAPerson) {
  Facts known = facts();
  known.damaged = true;
  EXPECT_EQ(decide(known, {}), Action::hold);
  known.locked = true;
  EXPECT_EQ(decide(known, {}), Action::unreachable);
}

TEST(DecideTest, RunThatOutlivesItsWorkerGoesOnWhereverItWas) {
  Facts known = facts();
  known.resume = true;
  EXPECT_EQ(decide(known, journal(Last::step_open)), Action::go_on);
  EXPECT_EQ(decide(known, journal(Last::checkpoint)), Action::go_on);
  EXPECT_EQ(decide(known, journal(Last::step_open, "resume")), Action::go_on);
  // What had begun nothing is begun as before.
  EXPECT_EQ(decide(known, journal(Last::opened)), Action::start_again);
  // A decision that is not known any more is asked for again, or is in the journal.
  EXPECT_EQ(decide(known, journal(Last::opened, "resume")), Action::go_on);
  known.decision = true;
  EXPECT_EQ(decide(known, journal(Last::opened, "resume")), Action::repeat_decision);
}

TEST(DecideTest, RunThatWentOnIsNeverStartedFromTheBeginning) {
  Facts known = facts();
  EXPECT_EQ(decide(known, journal(Last::opened, "continue")), Action::project_lost);
  known.resume = true;
  EXPECT_EQ(decide(known, journal(Last::opened, "continue")), Action::go_on);
  // Its worker died before it had written anything.
  known.goes_on = true;
  EXPECT_EQ(decide(known, journal(Last::none)), Action::go_on);
  known.resume = false;
  EXPECT_EQ(decide(known, journal(Last::none)), Action::project_lost);
}

TEST(DecideTest, RunThatDoesNotGetOnIsGivenUp) {
  Facts known = facts();
  known.resume = true;
  known.stalled_bursts = 2;
  EXPECT_EQ(decide(known, journal(Last::step_open)), Action::go_on);
  known.stalled_bursts = 3;
  EXPECT_EQ(decide(known, journal(Last::step_open)), Action::project_stalled);
  EXPECT_EQ(decide(known, journal(Last::opened, "continue")), Action::project_stalled);
}

TEST(DecideTest, RunWhoseEndIsHalfToldIsToldToItsEndAndNotGoneOnWith) {
  Facts known = facts();
  known.resume = true;
  known.decision = true;
  for (const Last last : {Last::opened, Last::step_open, Last::checkpoint}) {
    auto summary = journal(last, "resume");
    summary.over = true;
    EXPECT_EQ(decide(known, summary), Action::project_lost);
    summary.exit.emplace();
    summary.exit->cause = "signal";
    EXPECT_EQ(decide(known, summary), Action::project_lost);
  }
}

TEST(DecideTest, OnlyAnAccidentIsGoneOnAfter) {
  Facts known = facts();
  known.resume = true;
  for (const Last last : {Last::opened, Last::step_open, Last::checkpoint}) {
    auto summary = journal(last);
    summary.exit.emplace();
    for (const char* const cause : {"code", "killed", "interrupted", "time limit"}) {
      summary.exit->cause = cause;
      EXPECT_EQ(decide(known, summary), Action::project_lost) << cause;
    }
    summary.exit->cause = "signal";
    EXPECT_EQ(decide(known, summary), last == Last::opened ? Action::start_again : Action::go_on);
  }
  // A checkpoint may be among what was set aside.
  auto damaged = journal(Last::step_open);
  damaged.damaged = true;
  EXPECT_EQ(decide(known, damaged), Action::project_lost);
  // An accepted cancellation goes before everything.
  known.cancel = true;
  EXPECT_EQ(decide(known, journal(Last::step_open)), Action::project_cancel);
}

// Whatever ends or replaces a worker that died; a scan for those that ended by themselves would
// come with every run's end.
TEST(DecideTest, WhatADeadWorkerMayHaveLeftIsLookedFor) {
  for (const Action action :
       {Action::project_lost, Action::project_starts, Action::project_stalled,
        Action::project_cancel, Action::go_on, Action::start_again, Action::repeat_decision}) {
    EXPECT_TRUE(leaves_processes(action)) << static_cast<int>(action);
  }
  for (const Action action : {Action::adopt, Action::unreachable, Action::kill, Action::finish}) {
    EXPECT_FALSE(leaves_processes(action)) << static_cast<int>(action);
  }
}

}  // namespace
}  // namespace charter::supervisor
