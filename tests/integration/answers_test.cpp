// Answers of people: given with `submit`, or asked for at a terminal by whatever waits for the run.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/pseudo_terminal.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::HasSubstr;
using ::testing::Not;

enum Exit { kFine, kRunFailed, kUsage, kNoDaemon, kUnknownRun, kRefused };

constexpr const char* kForm = R"(  - id: form
    type: input
    show: "a release of {{ what }}\nfor everybody"
    message: tell us more
    outputs: {name: who, place: where, checks: which, note: more}
    questions:
      - {id: who, kind: text, prompt: Your name}
      - {id: where, kind: select, prompt: Where to, options: [
          {value: eu, label: Europe, recommended: true}, {value: us, label: America}]}
      - {id: which, kind: multi_select, prompt: Which checks, allow_other: true, options: [
          {value: lint, label: Linting}, {value: unit, label: Unit tests}]}
      - {id: more, kind: text, prompt: Anything else, optional: true}
)";

class Answers : public ::testing::Test {
 protected:
  Answers() {
    scene.project.add_workflow(
        "ask", kForm, "inputs:\n  what: {type: string, required: true, description: what it is}\n");
    scene.project.add_workflow("gate", gate_step("gate") + shell_step("after", "true"));
  }
  Finished charter(std::vector<std::string> arguments) const {
    return charter_daemon(scene.project, std::move(arguments));
  }
  ChildSpec command(std::vector<std::string> arguments) const {
    ChildSpec spec;
    spec.argv = std::move(arguments);
    spec.argv.insert(spec.argv.begin(), daemon_binary());
    spec.directory = scene.project.root();
    spec.output = scene.project.scratch("out");
    return spec;
  }
  void at_form(const std::string& id) {
    ASSERT_EQ(charter({"run", "ask", "--var", "what=bread", "--run-id", id}).code, kFine);
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), id, "paused"));
  }
  void at_gate(const std::string& id) {
    ASSERT_EQ(charter({"run", "gate", "--run-id", id}).code, kFine);
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), id, "paused"));
  }
  object outputs(const std::string& run) const {
    return boost::json::parse(read_file(scene.project.state_file(run)))
        .at("outputs")
        .at("form")
        .as_object();
  }
  std::string state_of(const std::string& run) const {
    return text_of(run_view(scene.daemon.socket(), run), "state");
  }

  Started scene;
  PseudoTerminal terminal;
};

TEST_F(Answers, SubmitTakesThemFromTheLineAFileOrStandardInput) {
  const std::string all =
      "{\"who\": \"Ada\",\r\n \"where\": \"eu\",\n \"which\": [\"lint\", \"mine\"]}\n";
  at_form("r1");
  const auto done = charter({"submit", "r1", "--answers", all, "--json"});
  EXPECT_EQ(done.code, kFine) << done.err;
  EXPECT_EQ(done.out, "{\"run_id\":\"r1\"}\n");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(outputs("r1"), boost::json::parse(R"({"name": "Ada", "place": "eu",
      "checks": ["lint", "mine"], "note": null})"));

  at_form("r2");
  write_file(scene.project.scratch("answers.json"), all);
  EXPECT_EQ(charter({"submit", "r2", "--answers", "@" + scene.project.scratch("answers.json")}).out,
            "Run r2 has its answers.\n");
  EXPECT_EQ(scene.gateway.wait_for_end("r2"), "RunCompleteEvent");

  at_form("r3");
  auto spec = command({"submit", "r3", "--answers", "-"});
  spec.argv = {"/bin/sh",
               "-c",
               "exec \"$0\" \"$@\" < '" + scene.project.scratch("answers.json") + "'",
               daemon_binary(),
               "submit",
               "r3",
               "--answers",
               "-"};
  EXPECT_EQ(run_to_end(spec).code, kFine);
  EXPECT_EQ(scene.gateway.wait_for_end("r3"), "RunCompleteEvent");
}

TEST_F(Answers, SubmitRefusesWhatIsNoAnswer) {
  at_form("r1");
  const auto wrong = charter({"submit", "r1", "--answers", R"({"who": 5})"});
  EXPECT_EQ(wrong.code, kRefused);
  EXPECT_THAT(wrong.err, HasSubstr("answer 'who' must be a string"));
  for (const char* bad : {"[1]", "{\"who\":", "nonsense", "@/nonexistent/file"}) {
    const auto end = charter({"submit", "r1", "--answers", bad});
    EXPECT_EQ(end.code, kUsage) << bad;
    EXPECT_THAT(end.err, HasSubstr("--answers")) << bad;
  }
  EXPECT_EQ(charter({"submit", "r1"}).code, kUsage) << "nobody is there to be asked";
  EXPECT_EQ(charter({"submit", "nobody", "--answers", "{}"}).code, kUnknownRun);
  at_gate("r2");
  EXPECT_EQ(charter({"submit", "r2", "--answers", "{}"}).code, kRefused);
  EXPECT_EQ(state_of("r1"), "paused");
  scene.daemon.stop();
  EXPECT_EQ(charter({"submit", "r1", "--answers", "{}"}).code, kNoDaemon);
}

TEST_F(Answers, EveryKindOfQuestionIsAskedAtATerminalUntilItsAnswerIsOne) {
  at_form("r1");
  auto submit = terminal.run(command({"submit", "r1"}));
  ASSERT_TRUE(terminal.shows("Run r1 waits for input at step 'form'."));
  ASSERT_TRUE(terminal.shows("  a release of bread\r\n  for everybody\r\n  tell us more"));
  ASSERT_TRUE(terminal.shows("Your name: "));
  terminal.type_line("Ada \"L\"");
  ASSERT_TRUE(terminal.shows("  1. Europe (recommended)\r\n  2. America"));
  ASSERT_TRUE(terminal.shows("Where to (a number): "));
  terminal.type_line("3");
  ASSERT_TRUE(terminal.shows("Answer with one number from 1 to 2."));
  ASSERT_TRUE(terminal.shows("Where to (a number): "));
  terminal.type_line(" 2 ");
  ASSERT_TRUE(
      terminal.shows("Which checks (numbers, with commas between them, or your own words): "));
  terminal.type_line("1, lint");
  ASSERT_TRUE(terminal.shows("'lint' was given twice."));
  terminal.type_line("2, by hand");
  ASSERT_TRUE(terminal.shows("Anything else (may be left empty): "));
  terminal.type_line("");
  const auto ending = submit.wait();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kFine) << terminal.shown();
  EXPECT_EQ(read_file(scene.project.scratch("out")), "Run r1 has its answers.\n");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(outputs("r1"), boost::json::parse(R"({"name": "Ada \"L\"", "place": "us",
      "checks": ["unit", "by hand"], "note": null})"));
}

TEST_F(Answers, WaitAsksAtAGateAndGoesOnToTheEnd) {
  at_gate("r1");
  auto waiting = terminal.run(command({"wait", "r1"}));
  ASSERT_TRUE(terminal.shows("Run r1 waits at gate 'gate'."));
  ASSERT_TRUE(terminal.shows("  what is asked\r\n  go on?"));
  ASSERT_TRUE(terminal.shows("Approve or deny? "));
  terminal.type_line("perhaps");
  ASSERT_TRUE(terminal.shows("Answer with 'approve' or 'deny'."));
  terminal.type_line("Approve");
  ASSERT_TRUE(terminal.shows("Note (may be left empty): "));
  terminal.type_line("looks good");
  const auto ending = waiting.wait(kRunTime);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kFine);
  EXPECT_TRUE(terminal.shows("Run r1 completed")) << terminal.shown();
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(text_of(scene.gateway.events("r1").at(1), "note"), "looks good");
}

TEST_F(Answers, RunThatIsFollowedAsksWhereItWaits) {
  auto run = terminal.run(command({"run", "gate", "--run-id", "r1", "--follow", "--json"}));
  ASSERT_TRUE(terminal.shows("Approve or deny? "));
  terminal.type_line("deny");
  ASSERT_TRUE(terminal.shows("Note (may be left empty): "));
  terminal.type_line("");
  const auto ending = run.wait(kRunTime);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kRunFailed);
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_TRUE(scene.gateway.events("r1").at(1).at("note").is_null());
  EXPECT_THAT(read_file(scene.project.scratch("out")),
              HasSubstr(R"({"run_id":"r1","status":"cancelled","error":null,)"));
}

TEST_F(Answers, AQuestionLeftOpenLeavesTheRunPausedAndExits130) {
  at_gate("r1");
  auto interrupted = terminal.run(command({"wait", "r1"}));
  ASSERT_TRUE(terminal.shows("Approve or deny? "));
  terminal.ctrl_c();
  auto ending = interrupted.wait();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, 130);
  EXPECT_FALSE(ending->signalled);
  EXPECT_TRUE(terminal.shows("charter-daemon resume r1 --approve (or --deny)"));

  at_form("r2");
  auto left = terminal.run(command({"submit", "r2"}));
  ASSERT_TRUE(terminal.shows("Your name: "));
  terminal.ctrl_d();
  ending = left.wait();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, 130);
  EXPECT_TRUE(terminal.shows(R"(submit r2 --answers '{"who": "...", "where": "eu", "which": )"
                             R"(["lint"], "more": "..."}')"))
      << terminal.shown();
  EXPECT_EQ(state_of("r1"), "paused");
  EXPECT_EQ(state_of("r2"), "paused");
}

TEST_F(Answers, AQuestionIsWithdrawnWhenSomebodyElseAnswers) {
  at_gate("r1");
  auto waiting = terminal.run(command({"wait", "r1"}));
  ASSERT_TRUE(terminal.shows("Approve or deny? "));
  ASSERT_EQ(charter({"resume", "r1", "--approve"}).code, kFine);
  const auto ending = waiting.wait(kRunTime);
  ASSERT_TRUE(ending.has_value()) << terminal.shown();
  EXPECT_EQ(ending->code, kFine);
  EXPECT_TRUE(terminal.shows("Somebody else has answered."));
  EXPECT_TRUE(terminal.shows("Run r1 completed"));
}

TEST_F(Answers, NothingIsAskedOfAScript) {
  at_gate("r1");
  auto spec = command({"wait", "r1"});
  spec.errors = scene.project.scratch("err");
  ChildProcess waiting(spec);
  ASSERT_TRUE(eventually(kSoon, [&] {
    return read_file(spec.errors).find("resume r1 --approve") != std::string::npos;
  }));
  EXPECT_THAT(read_file(spec.errors), Not(HasSubstr("Approve or deny?")));
  EXPECT_TRUE(waiting.running());
  ASSERT_EQ(charter({"resume", "r1", "--approve"}).code, kFine);
  const auto ending = waiting.wait(kRunTime);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kFine);
  EXPECT_EQ(read_file(spec.errors),
            "Run r1 waits at gate 'gate'. Answer it with: charter-daemon resume r1 --approve (or "
            "--deny)\nRun r1 completed\n");
}

}  // namespace
}  // namespace charter::tests
