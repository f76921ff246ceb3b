// charter-daemon retry: a new run that goes on where another has ended.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

enum Exit { kFine, kRunFailed, kUsage, kNoDaemon, kUnknownRun, kRefused };

class Retry : public ::testing::Test {
 protected:
  // Fails at its third step as long as `good` is missing; what it did before is a line each in
  // `log`, a value and an artifact.
  Retry() {
    const auto line = [this](const char* id) {
      return "echo " + std::string(id) + " >> '" + log + "'";
    };
    scene.project.add_workflow(
        "plan",
        shell_step("one", line("one") + "\necho 'the value'", "outputs: {stdout: string}") +
            shell_step("two", line("two") + "\nprintf 'the report'",
                       "outputs:\n  report: {type: artifact, content_type: text/plain}") +
            shell_step("three", line("three") + "\n[ -e '" + good + "' ]") +
            shell_step("four", line("four") + "\nprintf '%s, %s' \"$V\" \"$R\" > '" + seen + "'",
                       "inputs: {V: stdout, R: report}"));
  }
  Finished charter(std::vector<std::string> arguments) const {
    return charter_daemon(scene.project, std::move(arguments));
  }
  void failed_run(const std::string& id) {
    const auto answer = scene.run(id, "plan");
    ASSERT_TRUE(answer.ok) << answer.error;
    ASSERT_EQ(scene.gateway.wait_for_end(id), "RunFailedEvent") << scene.daemon.log();
    ASSERT_THAT(lines_of(log), ElementsAre("one", "two", "three"));
  }
  void expect_refused(const std::string& id, const std::string& why) {
    const auto end = charter({"retry", id});
    EXPECT_EQ(end.code, kRefused) << end.out;
    EXPECT_THAT(end.err, HasSubstr(why));
    const auto answer = control(scene.daemon.socket(), "retry", {{"run_id", id}});
    ASSERT_EQ(answer.size(), 1U);
    EXPECT_EQ(text_of(answer[0], "code"), "not_retryable");
  }

  Started scene;
  const std::string log = scene.project.scratch("log");
  const std::string good = scene.project.scratch("good");
  const std::string seen = scene.project.scratch("seen");
};

TEST_F(Retry, SkipsWhatIsFinishedKeepsItsOutputsAndDoesTheFailedStepAgain) {
  failed_run("old");
  write_file(good, "");
  const auto end = charter({"retry", "old", "--run-id", "new", "--wait", "--json"});
  EXPECT_EQ(end.code, kFine) << end.err;
  EXPECT_THAT(end.out, HasSubstr(R"({"run_id":"new","workflow_path":")"));
  EXPECT_THAT(end.out, HasSubstr(R"("retry_of":"old"})"));
  EXPECT_THAT(lines_of(log), ElementsAre("one", "two", "three", "three", "four"));
  EXPECT_EQ(read_file(seen), "the value, the report");
  EXPECT_EQ(scene.gateway.wait_for_end("new"), "RunCompleteEvent");
  EXPECT_THAT(
      scene.gateway.event_kinds("new"),
      ElementsAre("StepSkippedEvent", "StepSkippedEvent", "StepStartEvent", "StepCompleteEvent",
                  "StepStartEvent", "StepCompleteEvent", "RunCompleteEvent"));
  EXPECT_EQ(scene.gateway.order_faults("new"), "");
  const auto announced = scene.gateway.announcements("new");
  ASSERT_FALSE(announced.empty());
  EXPECT_EQ(text_of(announced[0].json, "status"), "running");
  EXPECT_EQ(text_of(announced[0].json, "workflow_path"), scene.project.plan("plan"));
  // The old run stays what it was.
  EXPECT_EQ(scene.gateway.events("old").size(), 7U);
  EXPECT_THAT(read_file(scene.project.state_file("old")), HasSubstr("\"status\": \"failed\""));
  const auto state = boost::json::parse(read_file(scene.project.state_file("new"))).as_object();
  EXPECT_EQ(text_of(state, "status"), "completed");
  EXPECT_EQ(text_of(state, "run_id"), "new");
  EXPECT_EQ(state.at("outputs").as_object().size(), 4U);
}

TEST_F(Retry, TellsOfWhichRunItIsARetryAlsoAfterARestart) {
  failed_run("old");
  ASSERT_EQ(charter({"retry", "old", "--run-id", "new"}).code, kFine);
  ASSERT_EQ(scene.gateway.wait_for_end("new"), "RunFailedEvent");
  for (int start = 0; start < 3; ++start) {
    EXPECT_EQ(text_of(run_view(scene.daemon.socket(), "new"), "retry_of"), "old");
    EXPECT_THAT(charter({"status", "new"}).out, HasSubstr("retry of    old"));
    EXPECT_THAT(charter({"list", "--json"}).out, HasSubstr(R"("retry_of":"old")"));
    EXPECT_TRUE(run_view(scene.daemon.socket(), "old").at("retry_of").is_null());
    scene.daemon.kill();
    scene.daemon.start();
  }
  // A retry may be retried, and takes along what it was given.
  write_file(good, "");
  ASSERT_EQ(charter({"retry", "new", "--run-id", "newer", "--wait"}).code, kFine);
  EXPECT_THAT(lines_of(log), ElementsAre("one", "two", "three", "three", "three", "four"));
  EXPECT_EQ(read_file(seen), "the value, the report");
}

// What a step leaves behind takes its time to die, and the run's end is told before.
TEST_F(Retry, WaitsForTheLastProcessOfARunThatHasJustEnded) {
  scene.project.add_workflow(
      "lingers",
      shell_step("one",
                 "(trap 'sleep 1; exit' TERM; while :; do sleep 0.05; done) >/dev/null 2>&1 &\n"
                 "sleep 0.2; [ -e '" +
                     good + "' ]"));
  for (const char* id : {"old", "older"}) {
    ASSERT_TRUE(scene.run(id, "lingers").ok);
    ASSERT_EQ(scene.gateway.wait_for_end(id), "RunFailedEvent");
    const auto end = charter({"retry", id});
    EXPECT_EQ(end.code, kFine) << end.err;
    EXPECT_EQ(text_of(run_view(scene.daemon.socket(), id), "state"), "finished");
  }
}

TEST_F(Retry, GoesOnWhereTheProjectIsNow) {
  scene.project.add_workflow("here",
                             shell_step("one", "pwd >> '" + log + "'\n[ -e '" + good + "' ]"));
  ASSERT_TRUE(scene.run("old", "here").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("old"), "RunFailedEvent");
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "old", "finished"));
  const std::string root = scene.project.root();
  // What is left at the old place looks like a project, and is none of this daemon's business.
  const std::string manifest = read_file(root + "/charter.yml");
  (void)scene.daemon.stop();
  std::filesystem::rename(root, root + ".now");
  write_file(root + "/charter.yml", manifest);
  std::filesystem::create_directories(root + "/.charter/runs");
  write_file(good, "");
  ChildSpec spec;
  spec.argv = {daemon_binary(), "start",     "--project-path",
               root + ".now",   "--gateway", scene.gateway.url()};
  spec.set["TEST_MARK"] = scene.project.mark();
  spec.output = scene.project.scratch("now.log");
  ChildProcess now(spec);
  ASSERT_TRUE(eventually(kSoon, [&] { return can_connect(root + ".now/.charter/daemon.sock"); }));
  const auto end = charter({"retry", "old", "--wait", "--project-path", root + ".now"});
  EXPECT_EQ(end.code, kFine) << end.err;
  EXPECT_THAT(lines_of(log), ElementsAre(root, root + ".now"));
}

TEST_F(Retry, HasTheOldRunsSnapshotWhateverThePlanSaysNow) {
  failed_run("old");
  scene.project.add_workflow("plan", shell_step("other", "false"));
  write_file(good, "");
  EXPECT_EQ(charter({"retry", "old", "--wait"}).code, kFine);
  EXPECT_THAT(lines_of(log), ElementsAre("one", "two", "three", "three", "four"));
  EXPECT_THAT(charter({"retry", "--help"}).out, HasSubstr("The plan is not read again"));
}

TEST_F(Retry, RunThatWasKilledOrCancelledGoesOnWhereItWas) {
  const std::string release = scene.project.scratch("release");
  scene.project.add_workflow("hold", shell_step("one", "echo one >> '" + log + "'") +
                                         hold_step("wait", release) +
                                         shell_step("three", "echo three >> '" + log + "'"));
  ASSERT_TRUE(scene.run("old", "hold").ok);
  ASSERT_TRUE(eventually(kRunTime, [&] { return scene.gateway.events("old").size() == 3; }));
  ASSERT_EQ(charter({"kill", "old", "--grace", "0"}).code, kFine);
  write_file(release, "");
  EXPECT_EQ(charter({"retry", "old", "--wait"}).code, kFine);
  EXPECT_THAT(lines_of(log), ElementsAre("one", "three"));
}

TEST_F(Retry, ApprovedGatesAreNotAskedAgainAndRefusedOnesAre) {
  scene.project.add_workflow(
      "gates", gate_step("first") + shell_step("one", "echo one >> '" + log + "'") +
                   gate_step("second") + shell_step("two", "echo two >> '" + log + "'"));
  ASSERT_TRUE(scene.run("old", "gates").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "old", "paused"));
  ASSERT_EQ(charter({"resume", "old", "--approve"}).code, kFine);
  ASSERT_TRUE(eventually(kRunTime, [&] {
    const auto view = run_view(scene.daemon.socket(), "old");
    return text_of(view, "step") == "second" && text_of(view, "state") == "paused";
  }));
  ASSERT_EQ(charter({"resume", "old", "--deny"}).code, kFine);
  ASSERT_EQ(scene.gateway.wait_for_end("old"), "RunCancelledEvent");
  ASSERT_EQ(charter({"retry", "old", "--run-id", "new"}).code, kFine);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "new", "paused"));
  EXPECT_EQ(text_of(run_view(scene.daemon.socket(), "new"), "step"), "second");
  // The gate of the new run is decided by hand of the CLI's users, too: the file is the truth.
  ASSERT_EQ(charter({"resume", "new", "--approve"}).code, kFine);
  EXPECT_EQ(scene.gateway.wait_for_end("new"), "RunCompleteEvent");
  EXPECT_THAT(lines_of(log), ElementsAre("one", "two"));
  EXPECT_EQ(scene.gateway.order_faults("new"), "");
}

TEST_F(Retry, RunThatWasCancelledInTheQueueBeginsAtItsBeginning) {
  const std::string release = scene.project.scratch("release");
  scene.project.add_workflow("hold", hold_step("wait", release));
  for (const char* id : {"b1", "b2", "b3", "b4"}) ASSERT_TRUE(scene.run(id, "hold").ok);
  ASSERT_TRUE(scene.run("old", "plan").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "old", "queued"));
  ASSERT_EQ(charter({"kill", "old"}).code, kFine);
  write_file(release, "");
  write_file(good, "");
  EXPECT_EQ(charter({"retry", "old", "--wait"}).code, kFine);
  EXPECT_THAT(lines_of(log), ElementsAre("one", "two", "three", "four"));
}

TEST_F(Retry, IsRefusedWithTheReason) {
  const std::string release = scene.project.scratch("release");
  scene.project.add_workflow("hold", hold_step("wait", release));
  scene.project.add_workflow("ask", gate_step("gate"));
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  EXPECT_EQ(charter({"retry", "nobody"}).code, kUnknownRun);
  ASSERT_TRUE(scene.run("works", "hold").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("works", "StepStartEvent"));
  expect_refused("works", "it is not over (executing)");
  ASSERT_TRUE(scene.run("asks", "ask").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "asks", "paused"));
  expect_refused("asks", "it is not over (paused)");
  ASSERT_TRUE(scene.run("done", "hello").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("done"), "RunCompleteEvent");
  expect_refused("done", "it has completed");
  for (const char* id : {"b1", "b2", "b3"}) ASSERT_TRUE(scene.run(id, "hold").ok);
  ASSERT_TRUE(scene.run("waits", "hello").ok);
  expect_refused("waits", "it is not over (queued)");
  write_file(release, "");

  failed_run("gone");
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "gone", "finished"));
  std::filesystem::remove(scene.project.journal("gone"));
  expect_refused("gone", "its journal is not kept any more");
  std::filesystem::remove(log);
  failed_run("taken");
  const auto end = charter({"retry", "taken", "--run-id", "done"});
  EXPECT_EQ(end.code, kRefused);
  EXPECT_THAT(end.err, HasSubstr("used before"));
  const auto bad = control(scene.daemon.socket(), "retry", {{"run_id", "taken"}, {"on_lost", "x"}});
  ASSERT_EQ(bad.size(), 1U);
  EXPECT_EQ(text_of(bad[0], "error"), "on_lost: must be fail or resume");
  EXPECT_EQ(charter({"retry", "taken", "--on-lost", "x"}).code, kUsage);
}

TEST_F(Retry, DamagedJournalOrSnapshotIsRefusedByName) {
  failed_run("old");
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "old", "finished"));
  const std::string good_bytes = read_file(scene.project.journal("old"));
  std::string bytes = good_bytes;
  // The frame of the first step's start: everything behind it is intact.
  bytes[bytes.find("StepStartEvent")] = 'X';
  write_file(scene.project.journal("old"), bytes);
  expect_refused("old", "its journal is damaged");
  write_file(scene.project.journal("old"), good_bytes.substr(0, good_bytes.size() - 8));
  expect_refused("old", "its journal does not say that it ended");
  write_file(scene.project.journal("old"), good_bytes);
  write_file(good, "");
  EXPECT_EQ(charter({"retry", "old", "--wait"}).code, kFine);
}

TEST_F(Retry, SupervisorThatDiesBetweenAnswerAndBeginStartsItOnce) {
  failed_run("old");
  const std::string release = scene.project.scratch("release");
  scene.project.add_workflow("hold", hold_step("wait", release));
  for (const char* id : {"b1", "b2", "b3", "b4"}) ASSERT_TRUE(scene.run(id, "hold").ok);
  const auto answer =
      control(scene.daemon.socket(), "retry", {{"run_id", "old"}, {"new_run_id", "new"}});
  ASSERT_EQ(answer.size(), 1U);
  EXPECT_TRUE(answer[0].at("ok").as_bool());
  scene.daemon.kill();
  write_file(good, "");
  scene.daemon.start();
  EXPECT_EQ(text_of(run_view(scene.daemon.socket(), "new"), "state"), "queued");
  write_file(release, "");
  EXPECT_EQ(scene.gateway.wait_for_end("new"), "RunCompleteEvent");
  EXPECT_THAT(lines_of(log), ElementsAre("one", "two", "three", "three", "four"));
  EXPECT_EQ(read_file(seen), "the value, the report");
  EXPECT_EQ(scene.gateway.order_faults("new"), "");
}

}  // namespace
}  // namespace charter::tests
