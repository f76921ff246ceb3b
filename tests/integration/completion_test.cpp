// A shell completes what the program and the daemon of the project know.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/child_process.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

class CompletionInBash : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing_the_reference()) GTEST_SKIP() << "the reference has none";
    scene.emplace();
    scene->project.add_workflow("ask", gate_step("gate"));
    scene->project.add_workflow("deploy site", gate_step("gate"));
  }
  // What bash would offer for the words up to the cursor, one a line.
  std::string offered(const std::vector<std::string>& words) const {
    const std::string script =
        "source <(\"$0\" completion bash) || exit 9; words=(\"$0\" \"$@\")\n"
        "COMP_WORDS=(\"${words[@]}\") COMP_CWORD=$((${#words[@]} - 1))\n"
        "compopt() { :; }\n"  // which only knows what to do for a key that was pressed
        "_charter_daemon; printf '%s\\n' \"${COMPREPLY[@]}\"";
    ChildSpec spec;
    spec.argv = {"bash", "--norc", "-c", script, daemon_binary()};
    spec.argv.insert(spec.argv.end(), words.begin(), words.end());
    spec.directory = scene->project.root();
    spec.set["CHARTER_DAEMON_SOCKET"] = scene->daemon.socket();
    const Finished done = run_to_end(spec);
    EXPECT_EQ(done.code, 0) << done.err;
    return done.out;
  }
  std::optional<Started> scene;
};

TEST_F(CompletionInBash, OffersCommandsOptionsAndValues) {
  EXPECT_EQ(offered({"sta"}), "start\nstatus\n");
  EXPECT_EQ(offered({"kill", "--gr"}), "--grace\n");
  EXPECT_EQ(offered({"start", "--log-level", "wa"}), "warning\n");
  EXPECT_EQ(offered({"start", "--log-level", "=", "wa"}), "warning\n");
}

TEST_F(CompletionInBash, OffersRunsOfTheDaemonAndWorkflowsOfTheProject) {
  ASSERT_TRUE(scene->run("first-run", "ask").ok);
  ASSERT_TRUE(scene->run("second-run", "ask").ok);
  EXPECT_THAT(offered({"kill", ""}), AllOf(HasSubstr("first-run\n"), HasSubstr("second-run\n")));
  EXPECT_EQ(offered({"kill", "sec"}), "second-run\n");
  EXPECT_EQ(offered({"run", ""}), "ask\ndeploy\\ site\n");
}

TEST_F(CompletionInBash, OffersFilesWhereAFileIsWanted) {
  write_file(scene->project / "options.conf", "");
  EXPECT_EQ(offered({"start", "--config", "opt"}), "options.conf\n");
}

// A person is in the middle of a line: nothing is said, and nothing is waited for.
TEST_F(CompletionInBash, OffersNothingWithoutADaemon) {
  scene->daemon.kill();
  EXPECT_EQ(offered({"kill", ""}), "\n");
}

TEST_F(CompletionInBash, OffersTopicsOfHelpAndFiltersOfList) {
  EXPECT_EQ(offered({"help", "appr"}), "approvals\n");
  EXPECT_EQ(offered({"list", "--status", "act"}), "active\n");
  EXPECT_EQ(offered({"list", "--workflow", ""}), "ask\ndeploy\\ site\n");
  EXPECT_EQ(offered({"manual", "com"}), "completion\n");
}

// Other shells read their script and ask the same program; where one is not installed nothing of it
// can be tried.
class CompletionElsewhere : public CompletionInBash {
 protected:
  // What the shell prints for the script, with the program on PATH and in the project.
  std::optional<std::string> printed(const std::string& shell, std::vector<std::string> options,
                                     const std::string& script) const {
    ChildSpec spec;
    spec.argv = {"sh", "-c", "command -v " + shell};
    if (run_to_end(spec).code != 0) return std::nullopt;
    spec.argv = {shell};
    spec.argv.insert(spec.argv.end(), options.begin(), options.end());
    spec.argv.insert(spec.argv.end(), {"-c", script});
    spec.directory = scene->project.root();
    spec.set["CHARTER_DAEMON_SOCKET"] = scene->daemon.socket();
    const std::string programs = daemon_binary().substr(0, daemon_binary().rfind('/'));
    spec.set["PATH"] = programs + ":" + std::getenv("PATH");
    spec.set["HOME"] = scene->project.scratch("home");
    const Finished done = run_to_end(spec);
    EXPECT_EQ(done.code, 0) << done.err;
    EXPECT_EQ(done.err, "");
    return done.out;
  }
};

TEST_F(CompletionElsewhere, InFish) {
  ASSERT_TRUE(scene->run("first-run", "ask").ok);
  const auto offered_for = [this](const std::string& line) {
    return printed("fish", {"--no-config"},
                   "charter-daemon completion fish | source; complete -C '" + line + "'");
  };
  const auto commands = offered_for("charter-daemon sta");
  if (!commands) GTEST_SKIP() << "no fish here";
  EXPECT_EQ(*commands, "start\nstatus\n");
  EXPECT_EQ(offered_for("charter-daemon kill fir"), "first-run\n");
  EXPECT_EQ(offered_for("charter-daemon run as"), "ask\n");
  EXPECT_EQ(offered_for("charter-daemon list --status act"), "active\n");
}

// zsh completes at a terminal only: its own functions are asked with compadd as a witness.
TEST_F(CompletionElsewhere, InZsh) {
  ASSERT_TRUE(scene->run("first-run", "ask").ok);
  const auto offered_for = [this](const std::string& words) {
    return printed("zsh", {"-f"},
                   "compdef() { :; }; compadd() { shift; print -l -- \"$@\"; }\n"
                   "source <(charter-daemon completion zsh)\n"
                   "words=(" +
                       words + ") CURRENT=${#words}; _charter_daemon");
  };
  const auto commands = offered_for("charter-daemon sta");
  if (!commands) GTEST_SKIP() << "no zsh here";
  EXPECT_EQ(*commands, "start\nstatus\n");
  EXPECT_EQ(offered_for("charter-daemon kill fir"), "first-run\n");
  EXPECT_EQ(offered_for("charter-daemon run as"), "ask\n");
}

}  // namespace
}  // namespace charter::tests
