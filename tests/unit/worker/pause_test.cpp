// Gates: how a run pauses, and how the next burst goes on from the file it left.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/unit/worker/driver.h"
#include "worker/replay.h"
#include "worker/stores/state_file.h"

namespace charter::worker::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kSteps =
    R"([{"id": "a", "type": "shell", "run": "echo 7; echo x >> a", "outputs": {"n": "number"}},)"
    R"({"id": "g", "type": "gate", "show": "n is {{ n }}, {{nam}} {{ name}}", "message": "ok?"},)"
    R"({"id": "b", "type": "shell", "run": "echo x >> b"},)"
    R"({"id": "h", "type": "gate", "message": "more?"},)"
    R"({"id": "c", "type": "shell", "run": "echo x >> c"}])";
constexpr const char* kVariables = R"({"name": "Ann", "nam": [true, null]})";

ipc::Job decision(const Project& project, const char* kind,
                  std::optional<std::string> note = std::nullopt) {
  ipc::Job job;
  job.run_id = "r1";
  job.project_root = project.root();
  job.cause = "resume";
  job.burst = 2;
  job.command.emplace();
  job.command->kind = kind;
  job.command->note = std::move(note);
  job.command->command_id = "c1";
  return job;
}

std::vector<ipc::JournalFrame> pause(const Project& project) {
  return run_to_end(project, project.job("r1", kSteps, kVariables));
}

// What the CLI would leave in the file.
void edit(const Project& project, const std::string& from, const std::string& to) {
  std::string text = read_text(project.layout().state_file("r1"));
  const std::size_t at = text.find(from);
  ASSERT_NE(at, std::string::npos) << from;
  write_text(project.layout().state_file("r1"), text.replace(at, from.size(), to));
}

std::string status_of(const Project& project) {
  return project.state("r1").as_object().find("status")->as_string();
}

TEST(Gate, PausesWithTheFileDurableAndIdentified) {
  const Project project;
  const auto frames = pause(project);
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending");
  EXPECT_EQ(last_event(frames, "GatePending"),
            R"({"kind":"GatePendingEvent","step_id":"g","show":"n is 7, [true, null] Ann",)"
            R"("message":"ok?"})");
  EXPECT_EQ(bodies<ipc::Event>(frames).back().pause, 1U);
  const auto frame = bodies<ipc::Pause>(frames).front();
  struct stat info {};
  ASSERT_EQ(::stat(project.layout().state_file("r1").c_str(), &info), 0);
  EXPECT_EQ(frame.number, 1U);
  EXPECT_EQ(frame.step_id, "g");
  EXPECT_EQ(frame.state_inode, info.st_ino);
  EXPECT_EQ(frame.state_size, static_cast<std::uint64_t>(info.st_size));
  EXPECT_EQ(frame.state_mtime_ns,
            std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec);
  EXPECT_EQ(frame.state_hash, content_hash(read_text(project.layout().state_file("r1"))));
  EXPECT_EQ(status_of(project), "paused");
  EXPECT_EQ(project.state("r1").as_object().find("current_step_id")->as_string(), "g");
}

TEST(Gate, ApprovedGoesOnBehindIt) {
  const Project project;
  (void)pause(project);
  const auto frames = run_to_end(project, decision(project, "approve", "fine"));
  EXPECT_EQ(kinds(frames),
            "StepStart StepComplete GatePending GateDecision StepStart StepComplete GatePending");
  EXPECT_EQ(last_event(frames, "GateDecision"),
            R"({"kind":"GateDecisionEvent","step_id":"g","approved":true,"note":"fine"})");
  EXPECT_EQ(read_text(project.path("a")), "x\n") << "finished steps are not done again";
  EXPECT_EQ(bodies<ipc::Opened>(frames).back().command_id, "c1");
  EXPECT_THAT(bodies<ipc::Opened>(frames).back().state, HasSubstr(R"("status": "paused")"));
  EXPECT_EQ(bodies<ipc::Pause>(frames).back().number, 2U);
  const Value state = project.state("r1");
  const Value& history = *state.as_object().find("gate_history");
  ASSERT_EQ(history.as_array().size(), 1U);
  EXPECT_EQ(history.as_array()[0].as_object().find("note")->as_string(), "fine");

  const auto end = run_to_end(project, decision(project, "approve"));
  EXPECT_THAT(kinds(end), ::testing::EndsWith("GateDecision StepStart StepComplete RunComplete"));
  EXPECT_EQ(status_of(project), "completed");
  EXPECT_EQ(
      read_text(project.path("a")) + read_text(project.path("b")) + read_text(project.path("c")),
      "x\nx\nx\n");
}

// They lie deeper in the files that keep them than in what a step printed.
TEST(Gate, ValuesThatAreNestedAsDeepAsMayBeAreReadFromTheFilesAgain) {
  const Project project;
  const std::string deep = std::string(900, '[') + std::string(900, ']');
  ipc::Job job = project.job(
      "r1",
      R"([{"id": "a", "type": "shell", "run": "cat deep", "outputs": {"n": "array"}},)"
      R"({"id": "v", "type": "state", "action": "set", "key": "v", "inputs": {"value": "x"}},)"
      R"({"id": "s", "type": "state", "action": "set", "key": "k", "inputs": {"value": "n"}},)"
      R"({"id": "p", "type": "shell", "run": "cat deep", "outputs": {"f": "artifact"}},)"
      R"({"id": "g", "type": "gate", "message": "?"},)"
      R"({"id": "t", "type": "state", "action": "get", "key": "k", "outputs": {"m": "array"}},)"
      R"({"id": "e", "type": "shell", "run": "printf %s \"$F\" > shown", "inputs": {"F": "f"}}])",
      R"({"x": 0})");
  job.state.replace(job.state.find("\"x\": 0"), 6, "\"x\": " + deep);
  write_text(project.path("deep"), deep);
  EXPECT_THAT(kinds(run_to_end(project, job)), ::testing::EndsWith("StepComplete GatePending"));
  const auto frames = run_to_end(project, decision(project, "approve"));
  EXPECT_THAT(kinds(frames), ::testing::EndsWith("StepComplete StepStart StepComplete RunComplete"))
      << last_event(frames, "RunFailed");
  EXPECT_EQ(read_text(project.path("shown")), deep);
  const auto replay = replay_journal(ipc::open_journal(project.layout().journal("r1"))->get());
  ASSERT_TRUE(replay);
  EXPECT_TRUE(replay->state(project.layout().blobs_dir("r1"), "")) << "for a retry";
}

TEST(Gate, RefusedEndsTheRunAsCancelled) {
  const Project project;
  (void)pause(project);
  const auto frames = run_to_end(project, decision(project, "refuse", "no"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending GateDecision RunCancelled");
  EXPECT_EQ(last_event(frames, "RunCancelled"),
            R"({"kind":"RunCancelledEvent","step_id":"g","note":"no"})");
  EXPECT_EQ(status_of(project), "cancelled");
  EXPECT_TRUE(project.state("r1").as_object().find("error")->is_null());
  EXPECT_EQ(bodies<ipc::Terminal>(frames).front().status, "cancelled");
}

TEST(Gate, ThatShowsWhatDoesNotExistFailsTheRun) {
  const Project project;
  const auto frames = run_to_end(
      project, project.job("r1", R"([{"id": "g", "type": "gate", "message": "{{ nope }}"}])"));
  EXPECT_EQ(kinds(frames), "RunFailed");
  EXPECT_THAT(last_event(frames, "RunFailed"),
              HasSubstr("Gate 'g' template error: Template reference '{{ nope }}' could not be "
                        "resolved: 'nope' is not defined in variables or step outputs"));
}

TEST(Gate, ShowsAndNotesOnlyWhatAnEventHolds) {
  const Project project;
  const std::string steps = R"([{"id": "g", "type": "gate", "show": "{{ t }}{{ t }}|end",)"
                            R"( "message": "{{ t }}{{ t }}"}])";
  auto frames = run_to_end(
      project, project.job("r1", steps, R"({"t": ")" + std::string(700'000, 'x') + "\"}"));
  const std::string pending = last_event(frames, "GatePending");
  EXPECT_LT(pending.size(), (2U << 20) + 1000U);
  EXPECT_THAT(pending, HasSubstr(R"("show":"xx)"));
  EXPECT_THAT(pending, HasSubstr(R"(xx|end","message":"xx)"));
  frames = run_to_end(project, decision(project, "refuse", std::string(1'000'000, '"')));
  EXPECT_EQ(kinds(frames), "GatePending GateDecision RunCancelled");
  for (const char* kind : {"GateDecision", "RunCancelled"}) {
    EXPECT_LT(last_event(frames, kind).size(), (1U << 20) + 1000U) << kind;
  }
  const Value state = project.state("r1");
  const Value& gate = state.as_object().find("gate_history")->as_array().front();
  EXPECT_EQ(*gate.as_object().find("note"),
            *json(last_event(frames, "GateDecision")).as_object().find("note"));
}

TEST(Gate, EndsWhatStepsLeftRunning) {
  const Project project;
  (void)run_to_end(project, project.job("r1", R"([{"id": "a", "type": "shell", "run":)"
                                              R"("setsid sleep 600 > /dev/null 2>&1 &"},)"
                                              R"({"id": "g", "type": "gate", "message": "?"}])"));
  EXPECT_TRUE(childless());
}

TEST(Resume, RepeatedAfterADeathBeforeAnyStepDecidesOnce) {
  const Project project;
  (void)pause(project);
  // A burst that recorded the decision, wrote the file, and died.
  const std::string paused = read_text(project.layout().state_file("r1"));
  auto file = ipc::open_journal(project.layout().journal("r1"));
  auto journal = ipc::Journal::attach(file->get(), ipc::summarize(file->get())->end);
  ipc::Opened opened;
  opened.run_id = "r1";
  opened.burst = 2;
  opened.cause = "resume";
  opened.state = paused;
  ipc::Event event;
  event.run_id = "r1";
  event.seq = 3;
  event.kind = "GateDecisionEvent";
  event.step_id = "g";
  event.json = R"({"kind":"GateDecisionEvent","step_id":"g","approved":true,"note":null})";
  const std::int64_t at = ipc::now_us();
  const std::vector<ipc::JournalFrame> written = {{at, opened}, {at, event}};
  ASSERT_TRUE(journal->append(written));
  edit(project, "\"status\": \"paused\"", "\"status\": \"running\"");
  edit(project, "\"gate_history\": []",
       R"("gate_history": [{"step_id": "g", "approved": true, "note": null, "decided_at": ")" +
           ipc::file_time(at) + "\"}]");
  file->reset();

  auto again = decision(project, "approve");
  again.burst = 3;
  const auto frames = run_to_end(project, again);
  EXPECT_EQ(kinds(frames),
            "StepStart StepComplete GatePending GateDecision StepStart StepComplete GatePending");
  EXPECT_EQ(project.state("r1").as_object().find("gate_history")->as_array().size(), 1U);
}

TEST(Resume, OfARunAnotherHandMovedOnReportsAndExecutesNothing) {
  const Project project;
  (void)pause(project);
  edit(project, "\"current_step_id\": \"g\"", "\"current_step_id\": \"h\"");
  edit(project, "\"gate_history\": []",
       R"("gate_history": [{"step_id": "g", "approved": true, "note": "cli", "decided_at": "t"}])");
  const auto frames = run_to_end(project, decision(project, "approve"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending GateDecision GatePending");
  EXPECT_THAT(last_event(frames, "GatePending"), HasSubstr(R"("step_id":"h")"));
  EXPECT_FALSE(std::filesystem::exists(project.path("c"))) << "nobody approved that gate";
  EXPECT_EQ(bodies<ipc::Pause>(frames).back().number, 2U);
  // From here it goes on as if it had paused by itself.
  const auto end = run_to_end(project, decision(project, "approve"));
  EXPECT_THAT(kinds(end), ::testing::EndsWith("GateDecision StepStart StepComplete RunComplete"));
}

TEST(Resume, OfARunAnotherHandEndedReportsTheEnd) {
  const Project project;
  (void)pause(project);
  edit(project, "\"status\": \"paused\"", "\"status\": \"cancelled\"");
  edit(
      project, "\"gate_history\": []",
      R"("gate_history": [{"step_id": "g", "approved": false, "note": "cli", "decided_at": "t"}])");
  const auto frames = run_to_end(project, decision(project, "approve"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete GatePending GateDecision RunCancelled");
  EXPECT_EQ(last_event(frames, "RunCancelled"),
            R"({"kind":"RunCancelledEvent","step_id":"g","note":"cli"})");
}

TEST(Resume, TakesOnAPausedRunItNeverStarted) {
  const Project project;
  (void)pause(project);
  std::filesystem::remove(project.layout().journal("r1"));
  const auto frames = run_to_end(project, decision(project, "approve"));
  EXPECT_EQ(kinds(frames), "GateDecision StepStart StepComplete GatePending");
}

TEST(Start, OfARunThatHasBegunAStepIsRefused) {
  const Project project;
  (void)pause(project);
  Worker worker(project, project.job("r1", kSteps, kVariables));
  (void)worker.wait();
  EXPECT_EQ(read_text(project.path("a")), "x\n") << "no step runs twice";
}

}  // namespace
}  // namespace charter::worker::testing
