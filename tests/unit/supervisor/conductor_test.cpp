#include "supervisor/conductor.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <future>

#include "ipc/codec.h"
#include "ipc/lock.h"
#include "ipc/peer.h"
#include "supervisor/burst.h"
#include "supervisor/forgetting.h"
#include "tests/support/directory_syncs.h"
#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

class ConductorTest : public PartsTest {
 protected:
  void expect_end(const std::string& id, WireStatus status) {
    ASSERT_TRUE(life_->reaches(id, RunState::finished)) << id;
    const RunPtr run = life_->find(id);
    EXPECT_EQ(run->wire, status) << run->error;
    EXPECT_EQ(run->progress.synced_seq, run->progress.next_seq);
    EXPECT_EQ(run->burst, nullptr);
    EXPECT_FALSE(run->holds_slot);
  }
  // Terminal frames in the run's journal.
  std::size_t endings(const std::string& id) const { return frames<ipc::Terminal>(id); }
  bool locked(const std::string& id) const {
    const auto file = ipc::open_journal(layout_->journal(id));
    return *ipc::is_locked(file->get());
  }
};

TEST_F(ConductorTest, RunIsStartedAnnouncedAndFinished) {
  life_->accept("complete");
  expect_end("complete", WireStatus::completed);
  EXPECT_THAT(life_->announced, ElementsAre("complete running"));
  EXPECT_THAT(life_->finished, ElementsAre("complete"));
  EXPECT_EQ(endings("complete"), 1U);
}

TEST_F(ConductorTest, RunsOverTheLimitWaitAndBeginInOrder) {
  begin(1);
  life_->accept("hang-1");
  ASSERT_TRUE(life_->reaches("hang-1", RunState::executing));
  life_->accept("complete-2");
  life_->accept("complete-3");
  EXPECT_EQ(life_->find("complete-2")->state, RunState::queued);
  EXPECT_EQ(life_->cancel("hang-1"), std::nullopt);
  expect_end("complete-2", WireStatus::completed);
  expect_end("complete-3", WireStatus::completed);
  EXPECT_THAT(life_->announced,
              ElementsAre("hang-1 running", "complete-2 running", "complete-3 running"));
}

TEST_F(ConductorTest, WaitingRunHasItsStateFileSoon) {
  begin(1);
  life_->accept("hang");
  const RunPtr waiting = life_->accept("complete");
  const std::string path = layout_->state_file("complete");
  ASSERT_TRUE(life_->until([&] { return std::filesystem::exists(path); }));
  EXPECT_EQ(std::filesystem::file_size(path), waiting->state_bytes.size());
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
}

TEST_F(ConductorTest, RunWhoseJournalCannotBeSyncedIsHeldUntilItCanAndNothingMoreOfItIsShown) {
  life_->accept("hang");
  const RunPtr run = life_->find("hang");
  ASSERT_TRUE(life_->until([&] { return run->progress.synced_seq == 1; }));
  const std::uint64_t shown = run->progress.synced_seq;
  const auto readable = run->burst->journal;  // the reader goes on with it
  run->burst->journal = std::make_shared<ipc::UniqueFd>(::eventfd(0, EFD_CLOEXEC));
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
  ASSERT_TRUE(life_->reaches("hang", RunState::held));
  EXPECT_EQ(run->progress.synced_seq, shown);
  EXPECT_GT(run->progress.next_seq, shown);
  EXPECT_TRUE(life_->finished.empty());
  EXPECT_FALSE(run->holds_slot);
  run->burst->journal = readable;  // the disk is as good as new
  expect_end("hang", WireStatus::cancelled);
  EXPECT_THAT(life_->finished, ElementsAre("hang"));
}

TEST_F(ConductorTest, JournalThatCannotBeReadAgainHoldsItsRunForGood) {
  life_->accept("hang");
  const RunPtr run = life_->find("hang");
  ASSERT_TRUE(life_->until([&] { return run->progress.synced_seq == 1; }));
  const auto readable = run->burst->journal;
  const auto synced = static_cast<off_t>(run->progress.synced_end);
  run->burst->journal = std::make_shared<ipc::UniqueFd>(::eventfd(0, EFD_CLOEXEC));
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
  ASSERT_TRUE(life_->reaches("hang", RunState::held));
  // What a dropped page reads as.
  const ipc::UniqueFd file(::open(layout_->journal("hang").c_str(), O_WRONLY | O_CLOEXEC));
  ASSERT_EQ(::pwrite(file.get(), std::string(16, '\0').data(), 16, synced), 16);
  run->burst->journal = readable;
  ASSERT_TRUE(life_->until([&] { return run->burst == nullptr; }));
  EXPECT_EQ(run->state, RunState::held);
  EXPECT_LT(run->progress.synced_end, run->progress.end);
  EXPECT_TRUE(life_->finished.empty());
}

TEST_F(ConductorTest, NoWorkerBeginsWhileTheFirstFilesOfItsRunAreMade) {
  begin(1);
  life_->accept("hang");
  ASSERT_TRUE(life_->until([&] { return life_->find("hang")->progress.next_seq == 1; }));
  std::promise<void> disk_is_fast_again;
  life_->disk().run([until = disk_is_fast_again.get_future().share()] { until.wait(); }, [] {});
  const RunPtr waiting = life_->accept("complete");
  const RunPtr unwanted = life_->accept("complete-not");
  EXPECT_TRUE(life_->until([&] { return waiting->files_busy == 2 && unwanted->files_busy == 2; }));
  EXPECT_EQ(life_->cancel("complete-not"), std::nullopt);
  ASSERT_EQ(::kill(life_->find("hang")->burst->guardian->pid(), SIGKILL), 0);
  EXPECT_TRUE(life_->until([&] { return waiting->state == RunState::starting; }));
  EXPECT_EQ(waiting->burst, nullptr) << "its worker may write the state file any moment";
  EXPECT_EQ(unwanted->state, RunState::ending);
  EXPECT_EQ(unwanted->burst, nullptr);
  disk_is_fast_again.set_value();
  expect_end("complete", WireStatus::completed);
  expect_end("complete-not", WireStatus::cancelled);
}

// A run with steps behind it must not look like one that was not begun.
TEST_F(ConductorTest, NoWorkerBeginsBeforeTheNameOfItsJournalIsDurable) {
  const charter::tests::DirectorySyncs syncs(layout_->journals_dir());
  syncs.fail(12);  // longer than a fault of the run itself would be waited for
  const RunPtr run = life_->accept("complete");
  bool early = false;
  EXPECT_TRUE(life_->until([&] {
    const bool begun = run->burst != nullptr || run->launching != nullptr;
    early = early || (begun && syncs.succeeded() == 0);
    return run->state == RunState::finished;
  }));
  EXPECT_FALSE(early);
  EXPECT_EQ(syncs.failures_left(), 0);
  expect_end("complete", WireStatus::completed);
}

// Or a loss of power might bring the old journal back, for a new run of that id.
TEST_F(ConductorTest, JournalOfAForgottenRunIsDurablyGoneBeforeItsIdIsFree) {
  life_->accept("complete");
  expect_end("complete", WireStatus::completed);
  std::ofstream(layout_->state_file("complete")) << R"({"run_id":"complete","status":"completed"})";
  const charter::tests::DirectorySyncs syncs(layout_->journals_dir());
  bool gone = false;
  syncs.before_each([&] { gone = !std::filesystem::exists(layout_->journal("complete")); });
  Forgetting forgetting(*layout_, life_->ledger(), life_->disk(), life_->registry(),
                        [](const RunPtr&) {});
  const auto forget = [&] {
    std::optional<std::optional<Refusal>> answer;
    forgetting.forget({"complete", true}, [&](const auto& refusal) { answer = refusal; });
    EXPECT_TRUE(life_->until([&] { return answer.has_value(); }));
    return answer && !*answer;
  };
  syncs.fail(1);
  EXPECT_FALSE(forget());
  EXPECT_NE(life_->registry().use_of("complete"), Registry::IdUse::free);
  EXPECT_TRUE(forget()) << "it can be asked for again";
  EXPECT_TRUE(gone);
  EXPECT_EQ(life_->registry().use_of("complete"), Registry::IdUse::free);
}

// Its journal and its state file would go from under a run that waits.
TEST_F(ConductorTest, RunThatIsBeingTakenOnIsNotForgotten) {
  const auto exists = [](const std::string& path) { return std::filesystem::exists(path); };
  std::ofstream(layout_->state_file("complete-other"))
      << R"({"run_id":"complete-other","status":"paused","current_step_id":"gate"})";
  std::promise<void> ledger_is_fast_again;
  std::optional<CommandRefusal> taken;
  std::optional<std::optional<Refusal>> forgotten;
  Forgetting forgetting(*layout_, life_->ledger(), life_->disk(), life_->registry(),
                        [](const RunPtr&) {});
  life_->ledger().append(
      {}, [](const auto&) {},
      [until = ledger_is_fast_again.get_future().share()] {
        until.wait();
        return ipc::Result<void>();
      });
  life_->commands().submit({"complete-other", "{}", "", -1},
                           [&](const auto& refusal) { taken = refusal; });
  EXPECT_EQ(life_->registry().find("complete-other"), nullptr);
  forgetting.forget({"complete-other", true}, [&](const auto& refusal) { forgotten = refusal; });
  ledger_is_fast_again.set_value();
  ASSERT_TRUE(life_->until([&] { return taken.has_value() && forgotten.has_value(); }));
  ASSERT_TRUE(forgotten->has_value());
  EXPECT_EQ((*forgotten)->code, "unknown_run");
  EXPECT_TRUE(exists(layout_->state_file("complete-other")) &&
              exists(layout_->journal("complete-other")));
  EXPECT_EQ(life_->approve("complete-other"), std::nullopt);
  expect_end("complete-other", WireStatus::completed);
}

TEST_F(ConductorTest, CancellationThatMeetsALaunchThatFailsIsCarriedOut) {
  life_->execute("/dev/null");
  const RunPtr run = life_->accept("complete");
  ASSERT_TRUE(life_->until([&] { return run->launching != nullptr; }));
  ipc::Command cancel;
  cancel.run_id = "complete";
  cancel.number = 77;
  cancel.kind = "cancel";
  run->commands.push_back(cancel);
  life_->conductor().command_accepted(run);
  ASSERT_TRUE(life_->until([&] { return run->launching == nullptr; }));
  EXPECT_EQ(run->burst, nullptr);
  life_->execute("/proc/self/exe");
  expect_end("complete", WireStatus::cancelled);
}

TEST_F(ConductorTest, SecondCancellationLeavesTheWorkerAloneThatCarriesOutTheFirst) {
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  life_->execute("/usr/bin/yes");  // ends when it is killed
  EXPECT_EQ(life_->cancel("pause"), std::nullopt);
  const RunPtr run = life_->find("pause");
  ASSERT_TRUE(life_->until([&] { return run->burst != nullptr && run->burst->projecting; }));
  EXPECT_EQ(life_->cancel("pause"), std::nullopt);
  bool disk_is_idle = false;
  life_->disk().run([] {}, [&] { disk_is_idle = true; });
  ASSERT_TRUE(life_->until([&] { return disk_is_idle; }));
  ASSERT_NE(run->burst, nullptr);
  EXPECT_FALSE(run->burst->kill_sent);
  life_->execute("/proc/self/exe");
  ASSERT_EQ(::kill(run->burst->guardian->pid(), SIGKILL), 0);
  expect_end("pause", WireStatus::cancelled);
}

TEST_F(ConductorTest, DecisionsThatMeetWhileARunIsTakenOnAreBothAnsweredForWhatTheyAre) {
  std::ofstream(layout_->state_file("elsewhere"))
      << R"({"run_id":"elsewhere","status":"paused","current_step_id":"gate"})";
  std::vector<std::string> codes;
  for (int i = 0; i < 2; ++i) {
    life_->commands().decide({"elsewhere", true, std::nullopt, "", -1},
                             [&](const CommandRefusal& refusal) {
                               codes.push_back(refusal ? refusal->code : "accepted");
                             });
  }
  ASSERT_TRUE(life_->until([&] { return codes.size() == 2; }));
  EXPECT_THAT(codes, ::testing::UnorderedElementsAre("accepted", "not_paused"));
}

TEST_F(ConductorTest, RunWhoseFilesAreBeingMadeDoesNotBeginAfterTheHold) {
  const RunPtr run = life_->accept("complete");
  ASSERT_EQ(run->state, RunState::starting);
  ASSERT_EQ(run->files_busy, 1U);
  life_->conductor().set_holding(true);
  ASSERT_TRUE(life_->until([&] { return run->files_busy == 0; }));
  EXPECT_EQ(run->launching, nullptr);
  EXPECT_EQ(run->state, RunState::queued);
  EXPECT_FALSE(run->holds_slot);
  life_->conductor().set_holding(false);
  expect_end("complete", WireStatus::completed);
}

TEST_F(ConductorTest, RunWhoseProjectIsGoneIsHeldAndHoldsNobodyUp) {
  const std::string project = layout_->root() + "/nested";
  std::filesystem::create_directory(project);
  life_->accept("hang", project);
  ASSERT_TRUE(life_->until([&] { return life_->find("hang")->progress.next_seq == 1; }));
  std::filesystem::remove(project);
  ASSERT_EQ(::kill(life_->find("hang")->burst->guardian->pid(), SIGKILL), 0);
  const RunPtr waiting = life_->accept("complete-nested", project);
  EXPECT_TRUE(life_->reaches("hang", RunState::held));
  EXPECT_TRUE(life_->reaches("complete-nested", RunState::held));
  EXPECT_FALSE(waiting->holds_slot);
  EXPECT_EQ(life_->conductor().live(), 0U);
  EXPECT_EQ(life_->cancel("hang")->code, "held");
  life_->accept("complete");
  expect_end("complete", WireStatus::completed);
}

TEST_F(ConductorTest, ApprovedRunGoesOnAndIsAnnouncedAgain) {
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  EXPECT_EQ(life_->find("pause")->burst, nullptr);
  EXPECT_EQ(life_->approve("pause"), std::nullopt);
  expect_end("pause", WireStatus::completed);
  EXPECT_THAT(life_->announced, ElementsAre("pause running", "pause running"));
}

TEST_F(ConductorTest, SecondApprovalOfOneGateAndOneOfAnExecutingRunAreRefused) {
  life_->accept("hang");
  ASSERT_TRUE(life_->reaches("hang", RunState::executing));
  EXPECT_EQ(life_->approve("hang")->code, "not_paused");
  EXPECT_EQ(life_->approve("unheard-of")->code, "unknown_run");
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  EXPECT_EQ(life_->approve("pause", "id"), std::nullopt);
  EXPECT_EQ(life_->approve("pause", "id"), std::nullopt);  // the same command again
  expect_end("pause", WireStatus::completed);
  EXPECT_EQ(life_->approve("pause", "other")->code, "not_paused");
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
}

TEST_F(ConductorTest, CancellationReachesARunWhereverItIs) {
  begin(1);
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  life_->accept("hang");
  ASSERT_TRUE(life_->reaches("hang", RunState::executing));
  life_->accept("complete");  // waits
  for (const char* id : {"complete", "pause", "hang"}) {
    EXPECT_EQ(life_->cancel(id), std::nullopt);
    expect_end(id, WireStatus::cancelled);
    EXPECT_EQ(endings(id), 1U);
  }
  EXPECT_EQ(life_->cancel("hang")->code, "already_finished");
}

TEST_F(ConductorTest, WorkerThatDiesInsideAStepEndsItsRunOnce) {
  life_->accept("inside");
  expect_end("inside", WireStatus::failed);
  EXPECT_EQ(life_->find("inside")->error, "worker died: signal 9 (SIGKILL), sender unknown");
  EXPECT_EQ(endings("inside"), 1U);
}

TEST_F(ConductorTest, WorkersThatDieBeforeAStepAreTriedThreeTimes) {
  life_->accept("early");
  life_->accept("silent");
  expect_end("early", WireStatus::failed);
  expect_end("silent", WireStatus::failed);
  EXPECT_THAT(life_->find("early")->error, StartsWith("worker died: three times"));
  EXPECT_EQ(life_->find("early")->bursts, 3U);
}

TEST_F(ConductorTest, ExecutingRunIsAdoptedByTheNextSupervisor) {
  life_->accept("hang");
  ASSERT_TRUE(life_->until([&] { return life_->find("hang")->progress.next_seq == 1; }));
  const pid_t worker = life_->find("hang")->burst->guardian->pid();
  restart();
  const RunPtr run = life_->find("hang");
  ASSERT_NE(run, nullptr);
  EXPECT_EQ(run->state, RunState::executing);
  EXPECT_TRUE(run->holds_slot);
  ASSERT_NE(run->burst->guardian, nullptr);
  EXPECT_EQ(run->burst->guardian->pid(), worker);
  ASSERT_TRUE(life_->until([&] { return run->burst->doorbell > 0; }));
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
  expect_end("hang", WireStatus::cancelled);
}

TEST_F(ConductorTest, RunThatEndedWithoutASupervisorIsOnlyDelivered) {
  life_->accept("hang");
  ASSERT_TRUE(life_->until([&] { return life_->find("hang")->progress.next_seq == 1; }));
  const pid_t worker = life_->find("hang")->burst->guardian->pid();
  life_->flush();
  life_.reset();
  ipc::UniqueFd pidfd = ipc::open_process(worker, *ipc::start_time(worker));
  ASSERT_TRUE(ipc::request_kill(pidfd.get(), 100));
  while (locked("hang")) ::usleep(1000);
  begin();
  expect_end("hang", WireStatus::cancelled);
  EXPECT_EQ(endings("hang"), 1U);
}

TEST_F(ConductorTest, RunWhoseWorkerDiedWithoutASupervisorIsLost) {
  life_->accept("hang");
  ASSERT_TRUE(life_->until([&] { return life_->find("hang")->progress.next_seq == 1; }));
  const pid_t worker = life_->find("hang")->burst->guardian->pid();
  life_->flush();
  life_.reset();
  ASSERT_EQ(::kill(worker, SIGKILL), 0);
  while (locked("hang")) ::usleep(1000);
  begin();
  expect_end("hang", WireStatus::failed);
  EXPECT_THAT(life_->find("hang")->error, StartsWith("lost: "));
  EXPECT_EQ(endings("hang"), 1U);
}

// The gateway would hear of its events before it hears of the run.
TEST_F(ConductorTest, AdoptedRunIsAnnouncedWhenItsFirstFrameIsRead) {
  const std::string late = layout_->data_dir() + "/late";
  std::ofstream(late).close();
  life_->accept("late");
  ASSERT_TRUE(life_->until([&] { return life_->find("late")->burst != nullptr; }));
  restart();
  ASSERT_EQ(life_->find("late")->state, RunState::executing);
  std::filesystem::remove(late);
  ASSERT_TRUE(life_->until([&] { return life_->find("late")->progress.next_seq == 1; }));
  EXPECT_THAT(life_->announced, ElementsAre("late running"));
  EXPECT_TRUE(life_->find("late")->delivery.visible);
  EXPECT_EQ(life_->cancel("late"), std::nullopt);
  expect_end("late", WireStatus::cancelled);
}

TEST_F(ConductorTest, QueueAndItsOrderSurviveARestart) {
  begin(1);
  life_->accept("hang");
  ASSERT_TRUE(life_->reaches("hang", RunState::executing));
  for (const char* id : {"complete-a", "complete-b", "complete-c"}) life_->accept(id);
  restart(1);
  EXPECT_EQ(life_->find("complete-b")->state, RunState::queued);
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
  expect_end("complete-c", WireStatus::completed);
  EXPECT_THAT(life_->announced,
              ElementsAre("complete-a running", "complete-b running", "complete-c running"));
}

TEST_F(ConductorTest, PausedRunSurvivesARestartAndIsApprovedAfterwards) {
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  restart();
  const RunPtr run = life_->find("pause");
  EXPECT_EQ(run->state, RunState::paused);
  EXPECT_EQ(run->waits_at, PauseKind::gate);
  EXPECT_EQ(run->burst, nullptr);
  EXPECT_EQ(life_->approve("pause"), std::nullopt);
  expect_end("pause", WireStatus::completed);
}

TEST_F(ConductorTest, RefusedDecisionStaysRefusedUnderItsIdAfterARestart) {
  begin(1);
  life_->accept("hang");
  ASSERT_TRUE(life_->reaches("hang", RunState::executing));
  life_->accept("pause");  // waits
  const auto first = life_->approve("pause", "early");
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->code, "not_paused");
  restart(1);
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  const auto again = life_->approve("pause", "early");
  ASSERT_TRUE(again.has_value()) << "what was refused took effect";
  EXPECT_EQ(again->message, first->message);
  EXPECT_EQ(life_->approve("pause", "later"), std::nullopt);
  expect_end("pause", WireStatus::completed);
}

// A loss of power may leave the first of two records that were written together.
TEST_F(ConductorTest, RefusalOfWhichHalfIsLeftDecidesNothing) {
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  life_->flush();
  const auto refusal = life_->decide({"pause", true, std::nullopt, "late", -1, {7, ""}});
  ASSERT_TRUE(refusal.has_value());
  life_->flush();
  life_.reset();
  std::string newest;
  for (const auto& one : std::filesystem::directory_iterator(layout_->ledger_dir())) {
    const std::string path = one.path();
    if (path.ends_with(".base") || path.ends_with(".more")) newest = std::max(newest, path);
  }
  const ipc::UniqueFd file(::open(newest.c_str(), O_RDWR | O_CLOEXEC));
  ipc::LogReader reader(file.get());
  std::uint64_t cut = 0;
  for (auto next = reader.next(); next->outcome == ipc::LogReader::Outcome::frame;
       next = reader.next()) {
    const auto record = ipc::decode_ledger_record(next->payload);
    const auto* outcome = std::get_if<ipc::CommandDone>(&record->body);
    if (outcome != nullptr && !outcome->ok) cut = next->place.offset;
  }
  ASSERT_GT(cut, 0U);
  ASSERT_EQ(::ftruncate(file.get(), static_cast<off_t>(cut)), 0);
  begin();
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  life_->flush();
  const RunPtr run = life_->find("pause");
  EXPECT_EQ(run->decision(), nullptr);
  EXPECT_EQ(run->state, RunState::paused);
  EXPECT_EQ(life_->approve("pause"), std::nullopt);
  expect_end("pause", WireStatus::completed);
}

TEST_F(ConductorTest, RepeatOfADecisionThatIsBeingWrittenDownGetsItsAnswer) {
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  int accepted = 0;
  for (int i = 0; i < 2; ++i) {
    Commands::Decision decision;
    decision.run_id = "pause";
    decision.approved = true;
    decision.command_id = "id";
    life_->commands().decide(decision, [&](const CommandRefusal& refusal) {
      EXPECT_EQ(refusal, std::nullopt);
      ++accepted;
    });
  }
  EXPECT_TRUE(life_->until([&] { return accepted == 2; }));
  EXPECT_EQ(life_->approve("pause", "id"), std::nullopt);
  expect_end("pause", WireStatus::completed);
}

// A gateway may send any number, until the run has ended.
TEST_F(ConductorTest, FurtherCancellationsAreAcceptedAndNotKept) {
  const RunPtr run = life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  life_->conductor().set_holding(true);  // it does not end before all have come
  std::size_t accepted = 0;
  const auto cancel = [&](const std::string& command_id) {
    life_->commands().cancel({"pause", std::string(10'000, 'x'), command_id, -1, 60'000, false},
                             [&](const CommandRefusal& refusal) {
                               EXPECT_EQ(refusal, std::nullopt);
                               ++accepted;
                             });
  };
  for (int i = 0; i < 3; ++i) cancel("");  // before any stands
  ASSERT_TRUE(life_->until([&] { return accepted == 3; }));
  for (int i = 0; i < 200; ++i) {
    cancel(std::to_string(i));
    cancel("");
  }
  ASSERT_TRUE(life_->until([&] { return accepted == 403; }));
  EXPECT_LE(run->commands.size(), kKeptAnswers);
  EXPECT_TRUE(run->cancellation()->note.has_value());
  for (std::size_t i = 1; i < run->commands.size(); ++i) {
    EXPECT_EQ(run->commands[i].note, std::nullopt);
  }
  cancel("0");
  EXPECT_EQ(accepted, 404U);
  life_->conductor().set_holding(false);
  expect_end("pause", WireStatus::cancelled);
}

// The answer may be lost with its connection, and the end may come while the command is synced.
TEST_F(ConductorTest, RepeatOfACancellationThatTheEndOvertookGetsItsAnswer) {
  const auto cancel = [this](const std::string& id, std::vector<std::string>& codes) {
    life_->commands().cancel({id, std::nullopt, "once", -1, 0, false},
                             [&](const CommandRefusal& refusal) {
                               codes.push_back(refusal ? refusal->code : "accepted");
                             });
  };
  for (const std::string id : {"pause-kept", "pause-delivered"}) {
    const RunPtr run = life_->accept(id);
    ASSERT_TRUE(life_->reaches(id, RunState::paused));
    std::vector<std::string> codes;
    cancel(id, codes);
    run->state = RunState::finished;
    if (id == "pause-delivered") life_->registry().retire(run);
    ASSERT_TRUE(life_->until([&] { return codes.size() == 1; }));
    cancel(id, codes);
    ASSERT_TRUE(life_->until([&] { return codes.size() == 2; }));
    EXPECT_THAT(codes, ElementsAre("accepted", "accepted")) << id;
    EXPECT_TRUE(run->commands.empty());
  }
}

// Accepted, written down, and the supervisor dies before anything happened.
TEST_F(ConductorTest, ApprovalAcceptedBeforeADeathTakesEffectAfterIt) {
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  ipc::Command approval;
  approval.run_id = "pause";
  approval.number = 77;
  approval.kind = "approve";
  approval.pause = 1;
  life_->ledger().append({0, approval}, [](const ipc::Result<void>&) {});
  restart();
  expect_end("pause", WireStatus::completed);
}

TEST_F(ConductorTest, ApprovalOfAnEarlierPauseDoesNotPassALaterOne) {
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  ipc::Command approval;
  approval.run_id = "pause";
  approval.number = 77;
  approval.kind = "approve";
  approval.pause = 0;
  life_->ledger().append({0, approval}, [](const ipc::Result<void>&) {});
  restart();
  EXPECT_EQ(life_->find("pause")->state, RunState::paused);
  EXPECT_TRUE(life_->find("pause")->commands.empty());
}

// If the power fails before that, the decision has to be repeated.
TEST_F(ConductorTest, DecisionHasTakenItsEffectOnceTheStepBehindItIsDurable) {
  life_->accept("pauses");
  ASSERT_TRUE(life_->reaches("pauses", RunState::paused));
  const RunPtr run = life_->find("pauses");
  std::promise<void> disk_is_fast_again;
  life_->disk().run([until = disk_is_fast_again.get_future().share()] { until.wait(); }, [] {});
  EXPECT_EQ(life_->approve("pauses", "first"), std::nullopt);
  // Its burst has begun a step, and come to the next gate, before the disk has any of it.
  EXPECT_TRUE(life_->until([&] { return run->pauses == 2; }));
  EXPECT_EQ(run->commands.size(), 1U) << "it would not be repeated";
  EXPECT_TRUE(run->answered.empty());
  disk_is_fast_again.set_value();
  ASSERT_TRUE(life_->reaches("pauses", RunState::paused));
  EXPECT_TRUE(run->commands.empty());
  ASSERT_EQ(run->answered.size(), 1U);
  EXPECT_EQ(run->answered.front().command_id, "first");
  EXPECT_TRUE(run->answered.front().ok) << run->answered.front().code;
  restart();
  EXPECT_EQ(life_->find("pauses")->state, RunState::paused);
  EXPECT_EQ(life_->approve("pauses"), std::nullopt);
  expect_end("pauses", WireStatus::completed);
}

TEST_F(ConductorTest, CancellationAcceptedBeforeADeathIsCarriedOutAfterIt) {
  life_->accept("hang");
  ASSERT_TRUE(life_->reaches("hang", RunState::executing));
  ipc::Command cancel;
  cancel.run_id = "hang";
  cancel.number = 77;
  cancel.kind = "cancel";
  cancel.grace_ms = 100;
  life_->ledger().append({0, cancel}, [](const ipc::Result<void>&) {});
  restart();
  expect_end("hang", WireStatus::cancelled);
}

TEST_F(ConductorTest, RunTheLedgerLostIsHeldAndAnEndedOneDelivered) {
  life_->accept("pause");
  life_->accept("complete");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  ASSERT_TRUE(life_->reaches("complete", RunState::finished));
  life_.reset();
  std::filesystem::remove_all(layout_->ledger_dir());
  ASSERT_TRUE(layout_->create());
  begin();
  EXPECT_EQ(life_->find("pause")->state, RunState::held);
  ASSERT_TRUE(life_->reaches("complete", RunState::finished));
}

// Without its journal it would look as if it had never begun, and its steps be executed again.
TEST_F(ConductorTest, RunWhoseJournalIsGoneIsHeldIfItHadBegunAndBeginsIfNot) {
  begin(1);
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  life_->accept("hang");
  ASSERT_TRUE(life_->reaches("hang", RunState::executing));
  life_->accept("complete");
  const std::string waiting = layout_->journal("complete");
  ASSERT_TRUE(life_->until([&] { return std::filesystem::exists(waiting); }));
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
  life_->conductor().set_holding(true);
  expect_end("hang", WireStatus::cancelled);
  ASSERT_EQ(life_->find("complete")->state, RunState::queued);
  life_->flush();
  life_.reset();
  for (const char* run : {"pause", "complete"}) {
    ASSERT_TRUE(std::filesystem::remove(layout_->journal(run)));
  }
  begin();
  EXPECT_EQ(life_->find("pause")->state, RunState::held);
  expect_end("complete", WireStatus::completed);
}

TEST_F(ConductorTest, LivingWorkerTheLedgerLostIsShownAndNeverKilled) {
  life_->accept("hang");
  ASSERT_TRUE(life_->until([&] { return life_->find("hang")->progress.next_seq == 1; }));
  life_.reset();
  std::filesystem::remove_all(layout_->ledger_dir());
  ASSERT_TRUE(layout_->create());
  begin();
  const RunPtr run = life_->find("hang");
  EXPECT_EQ(run->order, 0U);
  ASSERT_TRUE(life_->until([&] { return run->burst != nullptr && run->burst->doorbell > 0; }));
  EXPECT_TRUE(locked("hang"));
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);  // asked for, it is
  expect_end("hang", WireStatus::cancelled);
}

TEST_F(ConductorTest, RunOfANestedProjectTheLedgerLostStaysInItsProject) {
  const std::string project = layout_->root() + "/nested";
  std::filesystem::create_directory(project);
  life_->accept("pause", project);
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  life_.reset();
  std::filesystem::remove_all(layout_->ledger_dir());
  ASSERT_TRUE(layout_->create());
  begin();
  EXPECT_EQ(life_->find("pause")->project_root, project);
}

TEST_F(ConductorTest, CopiedLedgerStartsNothing) {
  begin(1);
  life_->accept("hang");
  ASSERT_TRUE(life_->reaches("hang", RunState::executing));
  life_->accept("complete");
  life_->flush();
  const std::string copy = layout_->data_dir() + "-copy";
  for (const char* part : {"/ledger", "/journals"}) {
    std::filesystem::create_directories(copy + part);
    std::filesystem::copy(layout_->data_dir() + part, copy + part);
  }
  std::filesystem::permissions(copy, std::filesystem::perms::owner_all);
  const ipc::Layout elsewhere(layout_->root(), copy);
  Life held(elsewhere, 4);
  EXPECT_TRUE(held.conductor().holding());
  // The table has been carried out: with a free slot it would have begun.
  ASSERT_NE(held.find("complete"), nullptr);
  EXPECT_EQ(held.find("complete")->state, RunState::queued);
  EXPECT_EQ(life_->cancel("hang"), std::nullopt);
  expect_end("complete", WireStatus::completed);
}

}  // namespace
}  // namespace charter::supervisor::tests
