// Upgrades are restarts: what each released version has left on disk is read, engines of the
// version before are adopted, and what a later version has written is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "ipc/log_segment.h"
#include "ipc/versions.h"
#include "tests/support/log_edit.h"
#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> released() {
  std::vector<std::string> versions;
  for (const auto& entry : fs::directory_iterator(CHARTER_GOLDEN)) {
    versions.push_back(entry.path().filename());
  }
  std::sort(versions.begin(), versions.end());
  return versions;
}

void lay_out(const std::string& version, const std::string& root) {
  fs::copy(fs::path(CHARTER_GOLDEN) / version / "project", root,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
}

std::vector<std::string> logs_in(const std::string& directory) {
  std::vector<std::string> logs;
  for (const auto& entry : fs::directory_iterator(directory)) {
    if (entry.is_regular_file() && entry.file_size() > ipc::kLogHeaderSize) {
      logs.push_back(entry.path());
    }
  }
  return logs;
}

std::string ledger_of(const ProjectFixture& project) { return project / ".charter/daemon/ledger"; }
std::string journals_of(const ProjectFixture& project) {
  return project / ".charter/daemon/journals";
}

struct Golden {
  std::string version;
  bool unknown_kinds = false;
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.version; }

class GoldenFiles : public ::testing::TestWithParam<Golden> {
 protected:
  GoldenFiles() { lay_out(GetParam().version, project.root()); }
  static DaemonOptions options(const std::string& gateway) {
    DaemonOptions options;
    options.gateway = gateway;
    return options;
  }
  ProjectFixture project;
  RecordingGateway gateway;
};

// The files are a copy, which starts nothing until it is adopted; then everything goes on from
// where it was.
TEST_P(GoldenFiles, AreReadShownDeliveredAndGoneOnWith) {
  if (GetParam().unknown_kinds) {
    for (const auto& directory : {ledger_of(project), journals_of(project)}) {
      for (const auto& log : logs_in(directory)) {
        insert_unknown_frame(log, 1);
        insert_unknown_frame(log, 0);
      }
    }
  }
  DaemonProcess daemon(project, options(gateway.url()));
  EXPECT_THAT(charter_daemon(project, {"status"}).out, HasSubstr("the ledger is a copy"));
  const auto state = [&](const char* run) {
    return text_of(run_view(daemon.socket(), run), "state");
  };
  EXPECT_EQ(state("delivered"), "finished");
  EXPECT_EQ(state("paused"), "paused");
  EXPECT_EQ(state("form"), "paused");
  EXPECT_EQ(state("queued"), "queued");
  EXPECT_EQ(text_of(run_view(daemon.socket(), "retried"), "retry_of"), "failed");
  // What had not been delivered is, while it holds; what had been is not again.
  EXPECT_EQ(gateway.wait_for_end("finished"), "RunCompleteEvent");
  EXPECT_EQ(gateway.wait_for_end("failed"), "RunFailedEvent");
  EXPECT_EQ(gateway.wait_for_end("retried"), "RunFailedEvent");
  EXPECT_EQ(gateway.wait_for_end("cancelled"), "RunCancelledEvent");
  EXPECT_THAT(
      gateway.event_kinds("finished"),
      ElementsAre("StepStartEvent", "StepCompleteEvent", "StepStartEvent", "StepCompleteEvent",
                  "StepStartEvent", "StepCompleteEvent", "RunCompleteEvent"));
  EXPECT_TRUE(gateway.wait_for_event("paused", "GatePendingEvent"));
  EXPECT_TRUE(gateway.wait_for_event("form", "InputPendingEvent"));
  EXPECT_TRUE(gateway.events("delivered").empty());
  EXPECT_FALSE(exists(project / "done")) << "nothing was carried out";

  ASSERT_EQ(charter_daemon(project, {"adopt"}).code, 0);
  EXPECT_EQ(gateway.wait_for_end("midstep"), "RunFailedEvent");
  EXPECT_THAT(text_of(gateway.events("midstep").back(), "error"), HasSubstr("lost: "));
  EXPECT_EQ(gateway.wait_for_end("chosen"), "RunCompleteEvent");
  EXPECT_EQ(gateway.wait_for_end("queued"), "RunCompleteEvent");
  EXPECT_EQ(charter_daemon(project, {"resume", "paused", "--approve"}).code, 0);
  EXPECT_EQ(charter_daemon(project, {"submit", "form", "--answers", R"({"q":"a"})"}).code, 0);
  EXPECT_EQ(gateway.wait_for_end("paused"), "RunCompleteEvent");
  EXPECT_EQ(gateway.wait_for_end("form"), "RunCompleteEvent");
  EXPECT_EQ(charter_daemon(project, {"retry", "cancelled", "--run-id", "again", "--wait"}).code, 0);
  // Of `first` and `last` only what was not done before: `queued` is the only one to begin.
  auto done = lines_of(project / "done");
  std::sort(done.begin(), done.end());
  EXPECT_THAT(done, ElementsAre("first", "value", "value", "value", "value", "value"));
  for (const char* run : {"finished", "failed", "retried", "cancelled", "midstep", "chosen",
                          "queued", "paused", "form", "again"}) {
    EXPECT_EQ(gateway.order_faults(run), "") << run;
  }
}

TEST_P(GoldenFiles, JournalOfALaterVersionIsShownAndLeftAlone) {
  const std::string journal = project.journal("midstep");
  set_version(journal, ipc::kLogVersion + 1);
  const std::string before = read_file(journal);
  DaemonProcess daemon(project, options(gateway.url()));
  EXPECT_EQ(gateway.wait_for_end("finished"), "RunCompleteEvent") << "the others go on";
  ASSERT_EQ(charter_daemon(project, {"adopt"}).code, 0);
  EXPECT_EQ(gateway.wait_for_end("queued"), "RunCompleteEvent");
  EXPECT_EQ(text_of(run_view(daemon.socket(), "midstep"), "state"), "held");
  EXPECT_THAT(daemon.log(), HasSubstr("log format version 2, this program knows version 1"));
  EXPECT_EQ(read_file(journal), before);
}

TEST_P(GoldenFiles, LedgerOfALaterVersionIsRefusedNamingBoth) {
  for (const auto& segment : logs_in(ledger_of(project)))
    set_version(segment, ipc::kLogVersion + 1);
  const auto refused = charter_daemon(project, {"start", "--project-path", project.root()});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("log format version 2, this program knows version 1"));
}

std::vector<Golden> every_golden() {
  std::vector<Golden> all;
  for (const auto& version : released()) {
    all.push_back({version, false});
    all.push_back({version, true});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Faults, GoldenFiles, ::testing::ValuesIn(every_golden()),
                         [](const auto& each) {
                           std::string name = "Of" + each.param.version;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name + (each.param.unknown_kinds ? "WithUnknownKinds" : "");
                         });

// ---------------------------------------------------------------- the version after this one
TEST(NextVersion, ThisVersionHasGoldenFiles) {
  const auto versions = released();
  EXPECT_NE(std::find(versions.begin(), versions.end(), std::string(ipc::product_version())),
            versions.end())
      << "scripts/golden makes them";
}

TEST(NextVersion, AdoptsTheEnginesOfThisOneAndIsRefusedByIt) {
  Started scene;
  const auto log = scene.project.scratch("log");
  const auto release = scene.project.scratch("release");
  scene.project.add_workflow("work", shell_step("one", "echo one >> '" + log + "'") +
                                         hold_step("two", release) + gate_step("gate") +
                                         shell_step("three", "echo three >> '" + log + "'"));
  scene.project.add_workflow(
      "ask", gate_step("gate") + shell_step("after", "echo after >> '" + log + "'"));
  ASSERT_TRUE(scene.run("asks", "ask").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "asks", "paused"));
  ASSERT_TRUE(scene.run("works", "work").ok);
  ASSERT_TRUE(scene.run("dies", "work").ok);
  for (const char* run : {"works", "dies"}) {
    ASSERT_TRUE(eventually(kRunTime, [&] { return scene.gateway.events(run).size() == 3; }));
  }
  const pid_t engine = engine_of(scene.daemon.socket(), "works");
  scene.daemon.kill();

  DaemonOptions options;
  options.gateway = scene.gateway.url();
  options.command = {CHARTER_NEXT_DAEMON};
  DaemonProcess next(scene.project, options);
  const auto pong = control(next.socket(), "ping");
  ASSERT_EQ(pong.size(), 1U);
  EXPECT_EQ(pong[0].at("formats").as_object().at("ledger").as_int64(), ipc::kLedgerVersion + 1);
  EXPECT_EQ(engine_of(next.socket(), "works"), engine) << "the same engine";
  // An engine whose call is not understood counts as unreachable after five seconds.
  EXPECT_TRUE(throughout(milliseconds(6000), [&] {
    return text_of(run_view(next.socket(), "works"), "state") == "executing";
  }));
  EXPECT_THAT(next.log(), ::testing::Not(HasSubstr("Refused a doorbell")));
  // Its journals are read, ended, and gone on with by workers of the next version.
  EXPECT_EQ(charter_daemon(scene.project, {"kill", "dies", "--grace", "0"}).code, 0);
  EXPECT_EQ(scene.gateway.wait_for_end("dies"), "RunCancelledEvent");
  write_file(release, "");
  ASSERT_TRUE(reaches_state(next.socket(), "works", "paused"));
  for (const char* run : {"works", "asks"}) {
    EXPECT_EQ(charter_daemon(scene.project, {"resume", run, "--approve"}).code, 0);
    EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent");
    EXPECT_EQ(scene.gateway.order_faults(run), "");
  }
  (void)next.stop();

  // There is no way back: this version refuses what the next one may have written.
  const auto refused =
      charter_daemon(scene.project, {"start", "--project-path", scene.project.root()});
  EXPECT_EQ(refused.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("version 2, this program knows version 1"));
}

}  // namespace
}  // namespace charter::tests
