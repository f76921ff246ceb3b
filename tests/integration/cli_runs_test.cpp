// Runs that the `charter` command carries out itself, of which only state files tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/pseudo_terminal.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

enum Exit { kFine, kRunFailed, kUsage, kNoDaemon, kUnknownRun, kRefused };

object parsed(const std::string& text) {
  boost::system::error_code bad;
  auto value = boost::json::parse(text, bad);
  return !bad && value.is_object() ? value.get_object() : object{};
}

// A state file as the toolchain writes it, indented, of a run that is at `step`.
std::string state_of(const ProjectFixture& project, const std::string& run,
                     const std::string& status, const std::string& step, const std::string& at) {
  return R"({
  "run_id": ")" +
         run + R"(",
  "workflow_id": "ask",
  "workflow_snapshot": {
    "workflow": null,
    "bindings": {},
    "steps": [
      {"id": "gate", "type": "gate", "show": "what is asked", "message": "go on?"},
      {"id": "form", "type": "input", "show": "s", "message": "m",
       "questions": [{"id": "q", "kind": "text", "prompt": "Say"}], "outputs": {"a": "q"}}
    ]
  },
  "status": ")" +
         status + R"(",
  "current_step_id": ")" +
         step + R"(",
  "variables": {"x": NaN},
  "outputs": {},
  "created_at": ")" +
         at + R"(+00:00",
  "updated_at": "2026-01-02T03:04:06+00:00",
  "error": )" +
         (status == "failed" ? R"("it broke")" : "null") + R"(,
  "gate_history": [],
  "metadata": {"resolved_capabilities": {}, "project_root": ")" +
         project.root() + R"("}
})";
}

class CliRuns : public ::testing::Test {
 protected:
  CliRuns() { scene.project.add_workflow("ask", gate_step("gate") + shell_step("after", "true")); }
  Finished charter(std::vector<std::string> arguments) const {
    return charter_daemon(scene.project, std::move(arguments));
  }
  void by_cli(const std::string& run, const std::string& status, const std::string& step = "gate",
              const std::string& at = "2026-01-02T03:04:05.5") const {
    write_file(scene.project.state_file(run), state_of(scene.project, run, status, step, at));
  }
  object view_of(const std::string& run) const {
    const auto answer = parsed(charter({"status", run, "--json"}).out);
    return answer.empty() ? object{} : answer.at("run").as_object();
  }

  Started scene;
};

TEST_F(CliRuns, AreListedAmongTheDaemonsAndMarked) {
  ASSERT_EQ(charter({"run", "ask", "--run-id", "ours"}).code, kFine);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "ours", "paused"));
  by_cli("young", "running", "gate", "2999-01-01T00:00:00");
  by_cli("old", "completed");
  by_cli("asks", "paused", "gate", "2026-01-02T03:04:07");
  const auto listed = parsed(charter({"list", "--json"}).out).at("runs").as_array();
  std::vector<std::string> names;
  std::vector<std::string> makers;
  for (const auto& run : listed) {
    names.push_back(text_of(run.as_object(), "run_id"));
    makers.push_back(text_of(run.as_object(), "by"));
  }
  EXPECT_THAT(names, ElementsAre("old", "asks", "ours", "young")) << "oldest first";
  EXPECT_THAT(makers, ElementsAre("file", "file", "daemon", "file"));
  const auto table = charter({"list"}).out;
  EXPECT_THAT(table, HasSubstr("BY"));
  EXPECT_THAT(table, MatchesRegex("(.|\n)*old +ask +completed +2026-01-02 +file\n(.|\n)*"));
  EXPECT_THAT(table, MatchesRegex("(.|\n)*asks +ask +paused +gate +2026-01-02 +file(.|\n)*"));
  EXPECT_THAT(table, MatchesRegex("(.|\n)*ours +ask +paused +gate +[a-z0-9 ]+ daemon +1(.|\n)*"));
  EXPECT_THAT(table, MatchesRegex("(.|\n)*young +ask +running +gate(.|\n)*"));
}

TEST_F(CliRuns, HaveTheSameShapeAsTheDaemons) {
  ASSERT_EQ(charter({"run", "ask", "--run-id", "ours"}).code, kFine);
  by_cli("r1", "failed");
  std::vector<std::string> keys;
  for (const auto& member : view_of("ours")) keys.emplace_back(member.key());
  const auto run = view_of("r1");
  std::vector<std::string> cli_keys;
  for (const auto& member : run) cli_keys.emplace_back(member.key());
  EXPECT_EQ(cli_keys, keys);
  EXPECT_EQ(text_of(run, "state"), "finished");
  EXPECT_EQ(text_of(run, "status"), "failed");
  EXPECT_EQ(text_of(run, "started_at"), "2026-01-02T03:04:05.5Z");
  EXPECT_EQ(text_of(run, "error"), "it broke");
  EXPECT_EQ(text_of(run, "workflow_path"), scene.project.plan("ask"));
  EXPECT_TRUE(run.at("events").is_null());
}

TEST_F(CliRuns, SayWhatTheyWaitForAndWhatIsNotKnown) {
  by_cli("r1", "paused", "form");
  EXPECT_EQ(text_of(view_of("r1"), "waits_at"), "input");
  EXPECT_THAT(charter({"status", "r1"}).out, HasSubstr("its state file only\n"));
  by_cli("r2", "running");
  EXPECT_EQ(text_of(view_of("r2"), "state"), "untracked");
  EXPECT_TRUE(view_of("r2").at("waits_at").is_null());
  EXPECT_EQ(charter({"status", "r3"}).code, kUnknownRun);
  EXPECT_EQ(charter({"status", "../x"}).code, kUnknownRun);
}

TEST_F(CliRuns, FilesThatAreNoStatesAreLeftOut) {
  by_cli("r1", "completed");
  write_file(scene.project.state_file("half"), "{\"run_id\": \"half\", ");
  write_file(scene.project.state_file("empty"), "");
  write_file(scene.project.state_file("alias"), read_file(scene.project.state_file("r1")));
  write_file(scene.project.root() + "/.charter/runs/r1.artifacts/a.json", "{}");
  std::filesystem::create_directory(scene.project.state_file("directory"));
  const auto listed = parsed(charter({"list", "--json"}).out).at("runs").as_array();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(text_of(listed[0].as_object(), "run_id"), "r1");
}

// Another hand goes on with what is not over, and its file would be gone.
TEST_F(CliRuns, AreForgottenOnlyWhenTheirFilesSayThatTheyAreOver) {
  by_cli("asks", "paused");
  by_cli("works", "running");
  by_cli("over", "failed");
  for (const std::string run : {"asks", "works"}) {
    const auto refused = charter({"forget", run});
    EXPECT_EQ(refused.code, kRefused) << refused.err;
    EXPECT_THAT(refused.err, HasSubstr("'" + run + "' is not over"));
    EXPECT_TRUE(std::filesystem::exists(scene.project.state_file(run)));
  }
  EXPECT_EQ(charter({"forget", "over"}).code, kFine);
  EXPECT_FALSE(std::filesystem::exists(scene.project.state_file("over")));
}

TEST_F(CliRuns, ThatAreToBeKilledAreNotTheDaemonsAndItSaysWhatEndsThem) {
  by_cli("asks", "paused");
  by_cli("form", "paused", "form");
  by_cli("works", "running");
  by_cli("over", "completed");
  const auto asks = charter({"kill", "asks"});
  EXPECT_EQ(asks.code, kUnknownRun);
  EXPECT_THAT(asks.err, HasSubstr("only its state file tells of it (paused)"));
  EXPECT_THAT(asks.err, HasSubstr("'charter-daemon resume asks --deny' ends it"));
  EXPECT_THAT(charter({"kill", "form"}).err, HasSubstr("'charter-daemon submit form'"));
  EXPECT_THAT(charter({"kill", "works"}).err, HasSubstr("(running): who carries it out ends it"));
  EXPECT_THAT(charter({"kill", "over"}).err, HasSubstr("(completed): it is over"));
  EXPECT_THAT(charter({"kill", "nobody"}).err, HasSubstr("No run 'nobody'"));
}

TEST_F(CliRuns, NeedADaemonToBeListed) {
  by_cli("r1", "completed");
  scene.daemon.stop();
  EXPECT_EQ(charter({"list"}).code, kNoDaemon);
  EXPECT_EQ(charter({"status", "r1"}).code, kNoDaemon);
}

TEST_F(CliRuns, AThousandAreListedAtOnceAndTheDaemonDoesNotNotice) {
  for (int i = 0; i < 1000; ++i) by_cli("r" + std::to_string(i), "completed");
  const auto begun = Clock::now();
  const auto end = charter({"list", "--json"});
  RecordProperty("milliseconds", static_cast<int>(since(begun).count()));
  EXPECT_EQ(end.code, kFine) << end.err;
  EXPECT_EQ(parsed(end.out).at("runs").as_array().size(), 1000U);
  EXPECT_LT(since(begun), seconds(2));
}

TEST_F(CliRuns, AreWaitedForByTheirStateFiles) {
  by_cli("r1", "completed");
  EXPECT_EQ(charter({"wait", "r1"}).code, kFine);
  by_cli("r2", "running");
  ChildSpec spec;
  spec.argv = {daemon_binary(), "wait", "r2", "--json"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("out");
  ChildProcess waiting(spec);
  EXPECT_TRUE(throughout(milliseconds(300), [&] { return waiting.running(); }));
  by_cli("r2", "failed");
  const auto ending = waiting.wait();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kRunFailed);
  EXPECT_EQ(read_file(spec.output),
            R"({"run_id":"r2","status":"failed","error":"it broke","outputs":null,"exit_code":1})"
            "\n");
}

TEST_F(CliRuns, PausedOnesAreAnsweredAndThenTheDaemons) {
  by_cli("r1", "paused");
  PseudoTerminal terminal;
  ChildSpec spec;
  spec.argv = {daemon_binary(), "wait", "r1"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("out");
  auto waiting = terminal.run(spec);
  ASSERT_TRUE(terminal.shows("Run r1 waits at gate 'gate'."));
  ASSERT_TRUE(terminal.shows("Approve or deny? "));
  terminal.type_line("a");
  ASSERT_TRUE(terminal.shows("Note (may be left empty): "));
  terminal.type_line("");
  ASSERT_TRUE(terminal.shows("Run r1 waits for input at step 'form'.")) << terminal.shown();
  ASSERT_TRUE(terminal.shows("Say: "));
  terminal.type_line("enough");
  const auto ending = waiting.wait(kRunTime);
  ASSERT_TRUE(ending.has_value()) << terminal.shown();
  EXPECT_EQ(ending->code, kFine) << terminal.shown();
  EXPECT_EQ(text_of(view_of("r1"), "by"), "daemon");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

// Taken on, and not decided: what the other hand does to it next is reported and not done again.
TEST_F(CliRuns, ThatWereTakenOnAreNotExecutedUnaskedAtTheNextStart) {
  const std::vector<std::string> runs = {"failed", "cancelled", "running"};
  for (const auto& run : runs) {
    by_cli(run, "paused");
    const auto answer =
        control(scene.daemon.socket(), "submit", {{"run_id", run}, {"answers", object{}}});
    ASSERT_FALSE(answer.empty());
    EXPECT_EQ(answer.back().at("ok"), false) << "it waits at a gate";
    ASSERT_EQ(text_of(view_of(run), "by"), "daemon");
  }
  scene.daemon.stop();
  for (const auto& run : runs) by_cli(run, run, "after");
  scene.daemon.start();
  EXPECT_EQ(scene.gateway.wait_for_end("failed"), "RunFailedEvent");
  EXPECT_EQ(scene.gateway.wait_for_end("cancelled"), "RunCancelledEvent");
  for (const auto& run : {"failed", "cancelled"}) {
    EXPECT_THAT(scene.gateway.event_kinds(run), ::testing::SizeIs(1));
  }
  EXPECT_EQ(text_of(view_of("running"), "state"), "paused");
  EXPECT_THAT(scene.gateway.event_kinds("running"), ::testing::IsEmpty());
  EXPECT_THAT(read_file(scene.project.state_file("running")), HasSubstr(R"("status": "running")"));
  by_cli("running", "completed", "after");
  EXPECT_EQ(scene.gateway.wait_for_end("running"), "RunCompleteEvent");
}

}  // namespace
}  // namespace charter::tests
