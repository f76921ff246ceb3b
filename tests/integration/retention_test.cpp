// What is kept of runs that are over, what removes it, and what never does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

enum Exit { kFine = 0, kNoDaemon = 3, kUnknownRun = 4, kRefused = 5 };

class Retention : public ::testing::Test {
 protected:
  static DaemonOptions keeping(std::vector<std::string> arguments) {
    DaemonOptions options;
    options.arguments = std::move(arguments);
    return options;
  }
  void begin(std::vector<std::string> arguments = {}) {
    scene.emplace(keeping(std::move(arguments)));
    scene->project.add_workflow("hello", shell_step("greet", "true"));
    scene->project.add_workflow("ask", gate_step("gate") + shell_step("after", "true"));
    scene->project.add_workflow("hold", hold_step("wait", scene->project.scratch("release")));
  }
  void complete(const std::string& run) {
    ASSERT_TRUE(scene->run(run, "hello").ok);
    ASSERT_EQ(scene->gateway.wait_for_end(run), "RunCompleteEvent");
  }
  Finished charter(std::vector<std::string> arguments) const {
    return charter_daemon(scene->project, std::move(arguments));
  }
  std::string journal(const std::string& run) const { return scene->project.journal(run); }
  bool delivered(const std::string& run) const {
    return eventually(kSoon, [&] {
      const auto view = run_view(scene->daemon.socket(), run);
      return view.contains("delivered") && view.at("delivered") == view.at("events") &&
             text_of(view, "state") == "finished";
    });
  }
  std::optional<Started> scene;
};

TEST_F(Retention, OldJournalOfADeliveredRunGoesAndItsStateFileStays) {
  begin({"--retain", "0"});
  complete("old");
  EXPECT_TRUE(eventually(kSoon, [&] { return !exists(journal("old")); }));
  EXPECT_TRUE(exists(scene->project.state_file("old")));
  EXPECT_FALSE(scene->run("old", "hello").ok);  // its id stays used
}

TEST_F(Retention, OldestJournalsGoFirstWhenTheyTakeTooMuch) {
  begin({"--retain-bytes", "0"});
  complete("one");
  complete("two");
  EXPECT_TRUE(
      eventually(kSoon, [&] { return !exists(journal("one")) && !exists(journal("two")); }));
}

TEST_F(Retention, JournalsOfRunsThatAreNotOverOrNotDeliveredStay) {
  begin({"--retain", "0"});
  ASSERT_TRUE(scene->run("waits", "ask").ok);
  ASSERT_TRUE(reaches_state(scene->daemon.socket(), "waits", "paused"));
  ASSERT_TRUE(scene->run("works", "hold").ok);
  ASSERT_TRUE(scene->gateway.wait_for_event("works", "StepStartEvent"));
  scene->gateway.kill();
  ASSERT_TRUE(scene->run("unheard", "hello").ok);
  ASSERT_TRUE(reaches_state(scene->daemon.socket(), "unheard", "finished"));
  // Longer than the first look takes, which removes this journal, of no run the daemon knows.
  write_file(journal("stranger"), std::string(64, 'x'));
  ASSERT_TRUE(eventually(kSoon, [&] { return !exists(journal("stranger")); }));
  for (const char* run : {"waits", "works", "unheard"}) EXPECT_TRUE(exists(journal(run))) << run;
}

TEST_F(Retention, ForgottenRunIsGoneFromEverywhereAndItsIdIsFree) {
  begin();
  complete("again");
  ASSERT_TRUE(delivered("again"));
  EXPECT_EQ(scene->run("again", "hello").ok, false);
  const auto end = charter({"forget", "again"});
  ASSERT_EQ(end.code, kFine) << end.err;
  EXPECT_FALSE(exists(journal("again")));
  EXPECT_FALSE(exists(scene->project.state_file("again")));
  EXPECT_EQ(charter({"status", "again"}).code, kUnknownRun);
  EXPECT_TRUE(scene->run("again", "hello").ok);
  // And it stays forgotten: the second run is the one the next daemon knows.
  ASSERT_TRUE(delivered("again"));
  ASSERT_EQ(charter({"forget", "again"}).code, kFine);
  scene->daemon.kill();
  scene->daemon.start();
  EXPECT_EQ(charter({"status", "again"}).code, kUnknownRun);
}

TEST_F(Retention, RunThatIsNotOverIsNotForgotten) {
  begin();
  ASSERT_TRUE(scene->run("waits", "ask").ok);
  ASSERT_TRUE(reaches_state(scene->daemon.socket(), "waits", "paused"));
  ASSERT_TRUE(scene->run("works", "hold").ok);
  ASSERT_TRUE(scene->gateway.wait_for_event("works", "StepStartEvent"));
  for (const char* run : {"waits", "works"}) {
    const auto end = charter({"forget", run});
    EXPECT_EQ(end.code, kRefused);
    EXPECT_THAT(end.err, HasSubstr("is not over"));
    EXPECT_TRUE(exists(journal(run)));
  }
  EXPECT_EQ(charter({"forget", "nobody"}).code, kUnknownRun);
  write_file(scene->project.scratch("release"), "");
}

TEST_F(Retention, UndeliveredRunIsForgottenOnlyWhenAskedTwice) {
  begin();
  scene->gateway.kill();
  ASSERT_TRUE(scene->run("unheard", "hello").ok);
  ASSERT_TRUE(reaches_state(scene->daemon.socket(), "unheard", "finished"));
  const auto refused = charter({"forget", "unheard"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr("does not have the last"));
  ASSERT_EQ(charter({"forget", "unheard", "--undelivered"}).code, kFine);
  EXPECT_FALSE(exists(journal("unheard")));
  scene->gateway.restart();
  complete("next");
  EXPECT_TRUE(scene->gateway.events("unheard").empty());
}

// The data of one project, copied to another place, must not do again what the original does.
TEST_F(Retention, CopiedProjectStartsNothingUntilItIsAdopted) {
  begin({"--max-runs", "1"});
  ASSERT_TRUE(scene->run("works", "hold").ok);
  ASSERT_TRUE(scene->gateway.wait_for_event("works", "StepStartEvent"));
  ASSERT_TRUE(scene->run("queued", "hello").ok);
  const ProjectFixture copy;
  for (const char* part :
       {"workflows", ".charter/runs", ".charter/daemon/ledger", ".charter/daemon/journals"}) {
    std::filesystem::create_directories(copy / part);
    std::filesystem::copy(scene->project / part, copy / part,
                          std::filesystem::copy_options::recursive);
  }
  const std::string stranger = copy / ".charter/daemon/journals/stranger.cj";
  write_file(stranger, std::string(64, 'x'));
  DaemonProcess other(copy, keeping({"--retain", "0"}));
  const auto status = charter_daemon(copy, {"status"});
  EXPECT_THAT(status.out, HasSubstr("copy"));
  EXPECT_TRUE(throughout(milliseconds(300), [&] {
    return text_of(run_view(other.socket(), "queued"), "state") == "queued";
  }));
  EXPECT_TRUE(exists(stranger));
  const auto end = charter_daemon(copy, {"adopt"});
  ASSERT_EQ(end.code, kFine) << end.err;
  EXPECT_TRUE(reaches_state(other.socket(), "queued", "finished"));
  EXPECT_TRUE(eventually(kSoon, [&] { return !exists(stranger); })) << "as any other daemon does";
  write_file(scene->project.scratch("release"), "");
}

}  // namespace
}  // namespace charter::tests
