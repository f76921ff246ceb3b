// Input steps: how a run pauses at a form, what counts as an answer, and how it goes on.
#include <gmock/gmock.h>

#include "tests/unit/worker/driver.h"
#include "worker/plan/answers.h"

namespace charter::worker::testing {
namespace {

using ::testing::HasSubstr;

constexpr const char* kForm =
    R"({"id": "f", "type": "input", "show": "for {{ who }}", "message": "Fill in", "questions": [)"
    R"({"id": "t", "kind": "text", "prompt": "Name?", "optional": false, "options": [], )"
    R"("allow_other": false}, )"
    R"({"id": "s", "kind": "select", "prompt": "Which?", "optional": true, "options": [)"
    R"({"value": "a", "label": "A", "recommended": true}, )"
    R"({"value": "b", "label": "B", "recommended": false}], "allow_other": false}, )"
    R"({"id": "m", "kind": "multi_select", "prompt": "Any?", "optional": true, "options": [)"
    R"({"value": "x", "label": "X", "recommended": false}], "allow_other": false}], )"
    R"("outputs": {"name": "t", "some": "m", "one": "s"}})";

std::string steps_with(const std::string& form) {
  return "[" + form +
         R"(, {"id": "b", "type": "shell", "run": "echo $N >> b", "inputs": {"N": "name"}}])";
}

ipc::Job command(const Project& project, const std::string& kind, const std::string& input = {}) {
  ipc::Job job;
  job.run_id = "r1";
  job.project_root = project.root();
  job.cause = kind == "input" ? "input" : "resume";
  job.burst = 2;
  job.command.emplace();
  job.command->kind = kind;
  job.command->input = input;
  job.command->command_id = "c1";
  return job;
}

std::vector<ipc::JournalFrame> pause(const Project& project) {
  return run_to_end(project, project.job("r1", steps_with(kForm), R"({"who": "Ann"})"));
}

TEST(Input, PausesWithItsQuestions) {
  const Project project;
  const auto frames = pause(project);
  EXPECT_EQ(kinds(frames), "InputPending");
  EXPECT_EQ(
      last_event(frames, "InputPending"),
      R"({"kind":"InputPendingEvent","step_id":"f","show":"for Ann","message":"Fill in",)"
      R"("questions":[{"id":"t","kind":"text","prompt":"Name?","optional":false,"options":[],)"
      R"("allow_other":false},{"id":"s","kind":"select","prompt":"Which?","optional":true,)"
      R"("options":[{"value":"a","label":"A","recommended":true},)"
      R"({"value":"b","label":"B","recommended":false}],"allow_other":false},)"
      R"({"id":"m","kind":"multi_select","prompt":"Any?","optional":true,)"
      R"("options":[{"value":"x","label":"X","recommended":false}],"allow_other":false}],)"
      R"("outputs":{"name":"t","some":"m","one":"s"}})");
  EXPECT_EQ(bodies<ipc::Pause>(frames).back().step_id, "f");
}

TEST(Input, AcceptedAnswersBecomeOutputsAndTheRunGoesOn) {
  const Project project;
  (void)pause(project);
  const auto frames = run_to_end(
      project,
      command(project, "input", R"({"kind": "form", "answers": {"m": ["x"], "t": "N\u00e9"}})"));
  EXPECT_EQ(kinds(frames), "InputPending StepComplete StepStart StepComplete RunComplete");
  const auto events = bodies<ipc::Event>(frames);
  EXPECT_EQ(events[1].json,
            R"({"kind":"StepCompleteEvent","step_id":"f","outputs":{"name":"Né","some":["x"],)"
            R"("one":null},"duration_ms":0,"status":"success"})");
  EXPECT_EQ(bodies<ipc::Checkpoint>(frames).front().step_id, "f");
  EXPECT_EQ(read_text(project.path("b")), "Né\n");
  const Value state = project.state("r1");
  EXPECT_EQ(dump(*state.as_object().find("outputs")->as_object().find("f")),
            R"({"name": "N\u00e9", "some": ["x"], "one": null})");
  EXPECT_EQ(state.as_object().find("status")->as_string(), "completed");
  EXPECT_TRUE(state.as_object().find("gate_history")->as_array().empty());
}

TEST(Input, WhatIsNoAnswerLeavesTheRunPaused) {
  const Project project;
  (void)pause(project);
  Worker refused(project, command(project, "input", R"({"kind": "form", "answers": {}})"));
  EXPECT_EQ(refused.wait(), 0);
  const auto frames = run_to_end(project, [&] {
    std::filesystem::remove(project.layout().run_log("r1"));
    return command(project, "approve");
  }());
  EXPECT_EQ(kinds(frames), "InputPending") << "an approval is no answer either";
  EXPECT_EQ(bodies<ipc::Pause>(frames).back().number, 1U);
  EXPECT_EQ(project.state("r1").as_object().find("status")->as_string(), "paused");
}

TEST(Input, CancelledEndsWithoutADecision) {
  const Project project;
  (void)pause(project);
  ipc::Job job = command(project, "cancel");
  job.cause = "project";
  job.command->note = "enough";
  const auto frames = run_to_end(project, job, "project");
  EXPECT_EQ(kinds(frames), "InputPending RunCancelled");
  EXPECT_EQ(last_event(frames, "RunCancelled"),
            R"({"kind":"RunCancelledEvent","step_id":"f","note":"enough"})");
  EXPECT_EQ(project.state("r1").as_object().find("status")->as_string(), "cancelled");
}

class Answers : public ::testing::Test {
 protected:
  // Code and text of the refusal, or the outputs.
  static std::string ask(const std::string& submission, const std::string& form = kForm) {
    const auto workflow =
        workflow_from_snapshot(json(R"({"workflow": "w", "steps": [)" + form + "]}"));
    EXPECT_TRUE(workflow) << workflow.error().what;
    const auto outputs = check_answers(workflow->steps.front(), json(submission).as_object());
    return outputs ? dump(Value(*outputs)) : outputs.error().code + ": " + outputs.error().text;
  }
  static std::string answer(const std::string& answers) {
    return ask(R"({"kind": "form", "answers": )" + answers + "}");
  }
  static constexpr const char* kIds = "Valid question ids: t (text), s (select), m (multi_select)";
};

TEST_F(Answers, MustBeAForm) {
  EXPECT_EQ(ask(R"({"kind": "text", "text": "x"})"),
            std::string("unsupported_input_kind: Input step 'f' only accepts form input. ") + kIds);
  EXPECT_EQ(ask(R"({"kind": "form", "z": 1, "answers": {}, "a": 2})"),
            std::string("invalid_input_payload: Input step 'f' received unknown input payload "
                        "key(s): ['a', 'z']. Expected {'kind': 'form', 'answers': {...}}. ") +
                kIds);
  EXPECT_EQ(
      ask(R"({"kind": "form", "answers": []})"),
      std::string("invalid_input_payload: Input step 'f' requires an object 'answers'. ") + kIds);
}

TEST_F(Answers, MustBeCompleteAndKnown) {
  EXPECT_EQ(
      answer(R"({"s": "a"})"),
      std::string("invalid_input_payload: Input step 'f' is missing required answer 't'. ") + kIds);
  EXPECT_EQ(answer(R"({"t": "x", "y": 1})"),
            std::string("invalid_input_payload: Input step 'f' received unknown answer key(s): "
                        "['y']. ") +
                kIds);
  EXPECT_EQ(answer(R"({"t": ""})"), R"({"name": "", "some": [], "one": null})");
  EXPECT_EQ(answer(R"({"t": "x", "s": null, "m": []})"),
            R"({"name": "x", "some": [], "one": null})");
}

TEST_F(Answers, MustBeOfTheirQuestionsKind) {
  const std::string where = "invalid_input_payload: Input step 'f' answer ";
  EXPECT_EQ(answer(R"({"t": 5})"), where + "'t' must be a string. Question 't' kind: text");
  EXPECT_EQ(answer(R"({"t": null})"), where + "'t' must be a string. Question 't' kind: text");
  EXPECT_EQ(answer(R"({"t": "x", "s": ["a"]})"),
            where + "'s' must be one option value string. Question 's' kind: select");
  EXPECT_EQ(answer(R"({"t": "x", "s": "c"})"),
            where + "'s' has unknown option value 'c'. Valid values: ['a', 'b']");
  EXPECT_EQ(answer(R"({"t": "x", "m": "x"})"),
            where + "'m' must be a list of strings. Question 'm' kind: multi_select");
  EXPECT_EQ(answer(R"({"t": "x", "m": ["x", "x"]})"), where + "'m' contains duplicate values");
  EXPECT_EQ(answer(R"({"t": "x", "m": ["z", "q"]})"),
            where + "'m' has unknown option value(s): ['q', 'z']. Valid values: ['x']");
}

TEST_F(Answers, ManyMayTakeOthersAndMayHaveToBeGiven) {
  const std::string form =
      R"({"id": "f", "type": "input", "message": "?", "questions": [{"id": "m", )"
      R"("kind": "multi_select", "prompt": "?", "optional": false, "options": [)"
      R"({"value": "x", "label": "X"}], "allow_other": true}], "outputs": {"o": "m"}})";
  EXPECT_EQ(ask(R"({"kind": "form", "answers": {"m": ["mine"]}})", form), R"({"o": ["mine"]})");
  EXPECT_EQ(ask(R"({"kind": "form", "answers": {"m": []}})", form),
            "invalid_input_payload: Input step 'f' answer 'm' must include at least one value. "
            "Question 'm' kind: multi_select");
}

TEST_F(Answers, NeedARunThatWaitsForThem) {
  const auto refusal = [](const std::string& status, const std::string& step) {
    const std::string state = R"({"run_id": "r1", "status": ")" + status +
                              R"(", "current_step_id": ")" + step +
                              R"(", "workflow_snapshot": {"workflow": "w", "steps": [)" + kForm +
                              R"(, {"id": "g", "type": "gate", "message": "ok?"}]}})";
    const auto outputs =
        check_submission(state, json(R"({"kind": "form", "answers": {"t": "x"}})").as_object());
    return outputs ? "accepted" : outputs.error().code + ": " + outputs.error().text;
  };
  EXPECT_EQ(refusal("paused", "f"), "accepted");
  EXPECT_EQ(refusal("completed", "f"),
            "not_waiting_for_input: Run 'r1' is not paused (status: 'completed')");
  EXPECT_EQ(refusal("paused", "g"),
            "not_waiting_for_input: Run 'r1' is waiting at approval gate 'g', not an input step");
}

}  // namespace
}  // namespace charter::worker::testing
