// Mode `project`: what is appended to a journal whose engine cannot.
#include <gmock/gmock.h>

#include "tests/unit/worker/driver.h"

namespace charter::worker::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSteps =
    R"([{"id": "a", "type": "shell", "run": "true", "outputs": {"n": "string"}},)"
    R"({"id": "g", "type": "gate", "message": "ok?"}, {"id": "b", "type": "shell", "run": "b"}])";

ipc::Event event(std::uint64_t seq, const std::string& kind, const std::string& step,
                 const std::string& more) {
  ipc::Event event;
  event.run_id = "r1";
  event.seq = seq;
  event.kind = kind;
  event.step_id = step;
  event.json = R"({"kind":")" + kind + R"(","step_id":")" + step + "\"" + more + "}";
  return event;
}

ipc::Exit exit_of(const char* cause, int signal, int code = 0) {
  ipc::Exit exit;
  exit.cause = cause;
  exit.signal = signal;
  exit.code = code;
  exit.asker_uid = 7;
  return exit;
}

class ProjectMode : public ::testing::Test {
 protected:
  template <class Body>
  void write(Body body) {
    frames_.push_back({++at_, std::move(body)});
  }

  void write_opened() {
    ipc::Opened opened;
    opened.run_id = "r1";
    opened.burst = 1;
    opened.cause = "start";
    opened.state = project_.first_state("r1", kSteps);
    write(opened);
  }
  void write_begun(const char* step, std::uint64_t seq) {
    write(event(seq, "StepStartEvent", step, R"(,"capability_id":null,"inputs":{})"));
    write(ipc::Intent{step, 1, "shell"});
  }
  void write_done(const char* step, std::uint64_t seq) {
    write(event(seq, "StepCompleteEvent", step, R"(,"outputs":{},"duration_ms":1)"));
    write(ipc::Checkpoint{step, R"({"n": "done"})", "", 0});
  }

  // Makes the journal of what was written, then runs the mode.
  std::vector<ipc::JournalFrame> settle(ipc::Job job) {
    const std::string path = project_.layout().journal("r1");
    auto file = ipc::create_journal(path);
    EXPECT_TRUE(file);
    auto journal = ipc::Journal::attach(file->get(), ipc::kLogHeaderSize);
    EXPECT_TRUE(journal && journal->append(frames_));
    file->reset();
    const auto frames = run_to_end(project_, job, "project");
    EXPECT_EQ(run_to_end(project_, job, "project").size(), frames.size())
        << "the second time nothing is added";
    return frames;
  }

  [[nodiscard]] ipc::Job job(const std::string& reason = "") const {
    ipc::Job job;
    job.run_id = "r1";
    job.project_root = project_.root();
    job.cause = "project";
    job.reason = reason;
    return job;
  }
  [[nodiscard]] ipc::Job cancel(const char* kind, std::optional<std::string> note,
                                std::int64_t uid) const {
    auto cancelling = job();
    cancelling.command.emplace();
    cancelling.command->kind = kind;
    cancelling.command->note = std::move(note);
    cancelling.command->asker_uid = uid;
    return cancelling;
  }
  [[nodiscard]] std::string field(const char* name) const {
    const Value state = project_.state("r1");
    const Value* value = state.as_object().find(name);
    return value == nullptr ? "" : dump(*value);
  }
  static std::string error_of(const std::vector<ipc::JournalFrame>& frames) {
    return json(last_event(frames, "RunFailed")).as_object().find("error")->as_string();
  }

  Project project_;
  std::vector<ipc::JournalFrame> frames_;
  std::int64_t at_ = 1'700'000'000'000'000;
};

TEST_F(ProjectMode, FailsTheOpenStepWithTheSignal) {
  write_opened();
  write_begun("a", 0);
  write_done("a", 1);
  write_begun("b", 2);
  write(exit_of("signal", SIGSEGV));
  const auto frames = settle(job("ignored, the journal knows"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete StepStart StepFailed RunFailed");
  EXPECT_EQ(error_of(frames), "worker died: signal 11 (SIGSEGV)");
  EXPECT_THAT(last_event(frames, "StepFailed"), HasSubstr(R"("step_id":"b","duration_ms":0,)"));
  EXPECT_EQ(bodies<ipc::Terminal>(frames).front().reason, "worker died: signal 11 (SIGSEGV)");
  EXPECT_EQ(field("status"), "\"failed\"");
  EXPECT_EQ(field("current_step_id"), "\"b\"");
  EXPECT_EQ(field("outputs"), R"({"a": {"n": "done"}})");
}

TEST_F(ProjectMode, NamesWhyTheEngineLeft) {
  const std::pair<ipc::Exit, const char*> cases[] = {
      {exit_of("code", 0, 3), "worker died: exit code 3"},
      {exit_of("interrupted", SIGTERM), "interrupted: signal 15 (SIGTERM) from uid 7"},
      {exit_of("signal", SIGKILL), "worker died: signal 9 (SIGKILL), sender unknown"},
  };
  for (const auto& [exit, text] : cases) {
    frames_.clear();
    std::filesystem::remove(project_.layout().journal("r1"));
    write_opened();
    write_begun("a", 0);
    write(exit);
    EXPECT_EQ(error_of(settle(job())), text);
  }
}

TEST_F(ProjectMode, BetweenStepsThereIsNoStepToFail) {
  write_opened();
  write_begun("a", 0);
  write_done("a", 1);
  const auto frames = settle(job("lost: the machine was restarted"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete RunFailed");
  EXPECT_EQ(error_of(frames), "lost: the machine was restarted");
}

TEST_F(ProjectMode, CompletesTornLastWords) {
  write_opened();
  write_begun("a", 0);
  write(event(1, "StepFailedEvent", "a", R"(,"duration_ms":1,"error":"boom","status":"failed")"));
  const auto frames = settle(job("lost: something else"));
  EXPECT_EQ(kinds(frames), "StepStart StepFailed RunFailed");
  EXPECT_EQ(error_of(frames), "boom");
}

TEST_F(ProjectMode, AddsTheMissingTerminalFrame) {
  write_opened();
  write_begun("a", 0);
  write_done("a", 1);
  write(event(2, "RunCompleteEvent", "", ""));
  const auto frames = settle(job("lost: something else"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete RunComplete");
  EXPECT_EQ(bodies<ipc::Terminal>(frames).front().status, "completed");
  EXPECT_EQ(field("status"), "\"completed\"");
}

TEST_F(ProjectMode, CancelsAnExecutingRunWithoutFailingItsStep) {
  write_opened();
  write_begun("a", 0);
  const auto frames = settle(cancel("kill", "stop it", 1000));
  EXPECT_EQ(kinds(frames), "StepStart RunCancelled");
  EXPECT_EQ(last_event(frames, "RunCancelled"),
            R"j({"kind":"RunCancelledEvent","step_id":"a","note":"stop it (by uid 1000)"})j");
  EXPECT_EQ(field("status"), "\"cancelled\"");
  EXPECT_EQ(field("error"), "null");
}

TEST_F(ProjectMode, CancelsAQueuedRunAsItsFirstEvent) {
  auto queued = cancel("cancel", "not any more", -1);
  queued.state = project_.first_state("r1", kSteps);
  const auto frames = settle(queued);
  EXPECT_EQ(kinds(frames), "RunCancelled");
  EXPECT_EQ(last_event(frames, "RunCancelled"),
            R"({"kind":"RunCancelledEvent","step_id":"","note":"not any more"})");
  EXPECT_EQ(field("status"), "\"cancelled\"");
}

TEST_F(ProjectMode, LeavesARunAloneThatHasBegunNoStep) {
  write_opened();
  write(exit_of("signal", SIGSEGV));
  auto from_guardian = job();
  from_guardian.cause = "start";
  from_guardian.state = project_.first_state("r1", kSteps);
  EXPECT_EQ(kinds(settle(from_guardian)), "");
}

TEST_F(ProjectMode, GivesUpOnARunThatBeganNoStepWhenToldTo) {
  write_opened();
  write(exit_of("signal", SIGSEGV));
  const auto frames = settle(job("worker died three times before the first step"));
  EXPECT_EQ(kinds(frames), "RunFailed");
  EXPECT_EQ(error_of(frames), "worker died three times before the first step");
  EXPECT_EQ(field("status"), "\"failed\"");
}

class ProjectModeAtAGate : public ProjectMode {
 protected:
  ProjectModeAtAGate() { (void)run_to_end(project_, project_.job("r1", kSteps)); }
  std::vector<ipc::JournalFrame> settle(const ipc::Job& job) {
    const auto frames = run_to_end(project_, job, "project");
    EXPECT_EQ(run_to_end(project_, job, "project").size(), frames.size());
    return frames;
  }
  void edit(const std::string& from, const std::string& to) {
    std::string text = read_text(project_.layout().state_file("r1"));
    ASSERT_NE(text.find(from), std::string::npos);
    write_text(project_.layout().state_file("r1"), text.replace(text.find(from), from.size(), to));
  }
};

TEST_F(ProjectModeAtAGate, RefusesTheGateToCancelTheRun) {
  const auto frames = settle(cancel("cancel", "no", -1));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending GateDecision RunCancelled");
  EXPECT_EQ(last_event(frames, "GateDecision"),
            R"({"kind":"GateDecisionEvent","step_id":"g","approved":false,"note":"no"})");
  EXPECT_EQ(last_event(frames, "RunCancelled"),
            R"({"kind":"RunCancelledEvent","step_id":"g","note":"no"})");
  EXPECT_EQ(field("status"), "\"cancelled\"");
  EXPECT_THAT(field("gate_history"), HasSubstr(R"("approved": false, "note": "no")"));
}

TEST_F(ProjectModeAtAGate, HasNothingToAddUnlessAsked) {
  EXPECT_EQ(kinds(settle(job())), "StepStart StepComplete GatePending");
  EXPECT_EQ(field("status"), "\"paused\"");
}

// No worker can go on with it.
TEST_F(ProjectModeAtAGate, EndsTheRunThatIsGivenUp) {
  const auto frames = settle(job("worker died: three times"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending RunFailed");
  EXPECT_EQ(error_of(frames), "worker died: three times");
  EXPECT_EQ(field("status"), "\"failed\"");
}

TEST_F(ProjectModeAtAGate, EndsNoRunThatAnotherHandExecutes) {
  edit("\"status\": \"paused\"", "\"status\": \"running\"");
  const auto frames = settle(job("worker died: three times"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending");
  EXPECT_EQ(field("status"), "\"running\"");
}

TEST_F(ProjectModeAtAGate, TellsThatAnotherHandWentOn) {
  edit("\"status\": \"paused\"", "\"status\": \"completed\"");
  edit("\"gate_history\": []",
       R"("gate_history": [{"step_id": "g", "approved": true, "note": null, "decided_at": "t"}])");
  const auto frames = settle(job());
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending GateDecision RunComplete");
  EXPECT_EQ(bodies<ipc::Terminal>(frames).front().status, "completed");
}

TEST_F(ProjectModeAtAGate, TellsOnceThatAnotherHandIsExecuting) {
  edit("\"status\": \"paused\"", "\"status\": \"running\"");
  edit("\"gate_history\": []",
       R"("gate_history": [{"step_id": "g", "approved": true, "note": null, "decided_at": "t"}])");
  const auto frames = settle(job());
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending GateDecision");
  edit("\"status\": \"running\"", "\"status\": \"failed\"");
  edit("\"error\": null", "\"error\": \"b broke\"");
  EXPECT_EQ(error_of(settle(job())), "b broke");
}

// As of a run that was taken on from its state file, and has not been decided.
TEST_F(ProjectModeAtAGate, OfARunWithoutAnyFrameItTellsTheEndThatItsFileKnows) {
  std::filesystem::remove(project_.layout().journal("r1"));
  EXPECT_EQ(kinds(settle(job())), "") << "it waits";
  edit("\"status\": \"paused\"", "\"status\": \"running\"");
  EXPECT_EQ(kinds(settle(job())), "") << "another hand executes it";
  edit("\"status\": \"running\"", "\"status\": \"failed\"");
  edit("\"error\": null", "\"error\": \"b broke\"");
  const auto frames = settle(job());
  EXPECT_EQ(kinds(frames), "RunFailed");
  EXPECT_EQ(error_of(frames), "b broke");
  EXPECT_EQ(bodies<ipc::Terminal>(frames).front().status, "failed");
}

TEST_F(ProjectModeAtAGate, MakesTheFileOfAnEndedRunGood) {
  (void)settle(cancel("cancel", "no", -1));
  write_text(project_.layout().state_file("r1"), "");
  (void)settle(job());
  EXPECT_EQ(field("status"), "\"cancelled\"");
  EXPECT_EQ(field("outputs"), R"({"a": {"n": ""}})");
}

}  // namespace
}  // namespace charter::worker::testing
