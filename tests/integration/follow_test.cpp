// A run followed at a terminal and elsewhere: what stands there while it moves and when it is over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/pseudo_terminal.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

enum Exit { kFine, kRunFailed, kInterrupted = 130 };

class Follow : public ::testing::Test {
 protected:
  Follow() {
    scene.project.add_workflow(
        "build",
        shell_step("fetch", "echo fetched", "outputs: {what: string}") +
            shell_step("compile", "while [ ! -e '" + release + "' ]; do sleep 0.02; done") +
            gate_step("publish") + shell_step("last", "true"));
    scene.project.add_workflow("fails", shell_step("stop", "echo why >&2; exit 3"));
  }
  // A command whose three descriptors are the terminal.
  ChildProcess at_terminal(std::vector<std::string> arguments,
                           std::map<std::string, std::string> environment = {}) {
    ChildSpec spec;
    spec.argv = std::move(arguments);
    spec.argv.insert(spec.argv.begin(), daemon_binary());
    spec.directory = scene.project.root();
    spec.output = terminal.name();
    spec.set = std::move(environment);
    spec.set.emplace("TERM", "xterm");
    spec.unset = {"NO_COLOR"};
    if (spec.set.contains("NO_COLOR")) spec.unset.clear();
    return terminal.run(spec);
  }
  // What has stood behind the text, up to the line's being drawn anew, each once.
  std::set<std::string> drawn(const std::string& text) {
    std::set<std::string> found;
    const std::string& shown = terminal.shown();
    for (auto at = shown.find(text); at != std::string::npos; at = shown.find(text, at + 1)) {
      const auto end = shown.find('\r', at);
      if (end != std::string::npos) found.insert(shown.substr(at, end - at));
    }
    return found;
  }
  void let_go() const { write_file(release, ""); }

  Started scene;
  PseudoTerminal terminal;
  const std::string release = scene.project.scratch("release");
};

TEST_F(Follow, ALineMovesAndGoesAndAGateIsAskedFor) {
  terminal.resize(100);
  auto run = at_terminal({"run", "build", "--run-id", "r1", "--follow"});
  ASSERT_TRUE(terminal.shows("1/4  compile  ")) << terminal.shown();
  ASSERT_TRUE(eventually(kSoon, [this] { return drawn("1/4  compile  ").size() > 2; }))
      << "time passes: " << terminal.shown();
  let_go();
  ASSERT_TRUE(terminal.shows("Approve or deny? ")) << terminal.shown();
  EXPECT_THAT(terminal.shown(), Not(EndsWith("waits for approval"))) << "nothing below a question";
  terminal.type_line("a");
  ASSERT_TRUE(terminal.shows("Note (may be left empty): "));
  terminal.type_line("");
  ASSERT_TRUE(terminal.shows("Run r1 completed", kRunTime)) << terminal.shown();
  const auto ending = run.wait(kRunTime);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kFine);
  EXPECT_THAT(terminal.shown(), HasSubstr("fetch.what")) << "its outputs";
  EXPECT_THAT(terminal.shown(), HasSubstr("fetched"));
}

TEST_F(Follow, WhoOnlyWaitsSeesTheLineAsWell) {
  ASSERT_EQ(charter_daemon(scene.project, {"run", "build", "--run-id", "r1"}).code, kFine);
  auto waiting = at_terminal({"wait", "r1", "--timeout", "60"});
  ASSERT_TRUE(terminal.shows("1/4  compile  ")) << terminal.shown();
  EXPECT_THAT(terminal.shown(), Not(HasSubstr("started"))) << "and no events";
  ASSERT_EQ(charter_daemon(scene.project, {"kill", "r1"}).code, kFine);
  ASSERT_TRUE(terminal.shows("Run r1 was cancelled", kRunTime)) << terminal.shown();
  EXPECT_EQ(waiting.wait().value_or(Ending{}).code, kRunFailed);
}

TEST_F(Follow, WithoutColourTheLineMovesAsWell) {
  let_go();
  auto run = at_terminal({"run", "fails", "--follow"}, {{"NO_COLOR", "1"}});
  const auto ending = run.wait(kRunTime);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kRunFailed) << "the exit code is the run's";
  EXPECT_THAT(terminal.shown(), HasSubstr("\r\x1b[J")) << "a line stood there";
  EXPECT_THAT(terminal.shown(), Not(HasSubstr("\x1b[3"))) << "no colour";
}

TEST_F(Follow, ATerminalThatCannotMoveItsCursorGetsPlainLines) {
  auto run = at_terminal({"run", "fails", "--follow"}, {{"TERM", "dumb"}});
  ASSERT_TRUE(run.wait(kRunTime).has_value());
  EXPECT_THAT(terminal.shown(), HasSubstr("failed after"));
  EXPECT_THAT(terminal.shown(), Not(HasSubstr("\x1b")));
}

TEST_F(Follow, ElsewhereThereAreOnlyLines) {
  let_go();
  const Finished done = charter_daemon(scene.project, {"run", "fails", "--follow"});
  EXPECT_EQ(done.code, kRunFailed);
  EXPECT_THAT(done.out, HasSubstr("failed after"));
  EXPECT_THAT(done.out + done.err, Not(HasSubstr("\x1b")));
  EXPECT_THAT(done.out + done.err, Not(HasSubstr("\r")));
}

// What is drawn next is as wide as the window is then.
TEST_F(Follow, AWindowMadeNarrowerGetsAShorterLine) {
  terminal.resize(100);
  auto run = at_terminal({"run", "build", "--run-id", "r1", "--follow"});
  ASSERT_TRUE(terminal.shows("1/4  compile  "));
  terminal.resize(14);
  EXPECT_TRUE(terminal.shows("1/4  com…")) << terminal.shown();
}

TEST_F(Follow, CtrlCTakesTheLineAwayAndLeavesTheRun) {
  auto run = at_terminal({"run", "build", "--run-id", "r1", "--follow"});
  ASSERT_TRUE(terminal.shows("1/4  compile  "));
  terminal.ctrl_c();
  const auto ending = run.wait();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kInterrupted);
  EXPECT_THAT(terminal.shown(), EndsWith("\r\x1b[J"));
  EXPECT_EQ(text_of(run_view(scene.daemon.socket(), "r1"), "status"), "running");
}

TEST_F(Follow, AnAnswerIsFollowedFromThereOn) {
  let_go();
  ASSERT_EQ(charter_daemon(scene.project, {"run", "build", "--run-id", "r1"}).code, kFine);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
  const Finished done = charter_daemon(scene.project, {"resume", "r1", "--approve", "--follow"});
  EXPECT_EQ(done.code, kFine) << done.err;
  EXPECT_THAT(done.out, HasSubstr("publish               approved"));
  EXPECT_THAT(done.out, HasSubstr("run completed"));
  EXPECT_THAT(done.out, Not(HasSubstr("compile               done"))) << "that was before";
  EXPECT_THAT(done.out, HasSubstr("fetch.what")) << "outputs are the whole run's";
}

}  // namespace
}  // namespace charter::tests
