// reload and SIGHUP: what a running daemon takes on, and the logs that it opens anew.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <filesystem>

#include "tests/support/run_groups.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int kFine = 0;
constexpr int kRefused = 5;

class Reload : public ::testing::Test {
 protected:
  void start(const std::string& config, std::vector<std::string> more = {}) {
    write_file(project.scratch("conf"), config);
    DaemonOptions options;
    options.gateway = gateway.url();
    options.arguments = {"--config", project.scratch("conf")};
    options.arguments.insert(options.arguments.end(), more.begin(), more.end());
    daemon = std::make_unique<DaemonProcess>(project, options);
    ASSERT_FALSE(control(daemon->socket(), "ping").empty());  // it hears signals from now on
  }
  void configure(const std::string& config) const { write_file(project.scratch("conf"), config); }
  [[nodiscard]] Finished charter(const std::vector<std::string>& arguments) const {
    return charter_daemon(project, arguments);
  }
  Answer run(const std::string& id, const std::string& workflow) const {
    HandOff request;
    request.run_id = id;
    request.workflow_id = workflow;
    request.workflow_path = project.plan(workflow);
    return hand_off(daemon->socket(), request);
  }
  boost::json::object status() const {
    return control(daemon->socket(), "status").back().at("daemon").as_object();
  }
  // As the kernel has them, of processes and of memory.
  std::vector<std::string> limits_in_force(const std::string& id) const {
    std::vector<std::string> found;
    for (const auto& group : groups_of(project, id)) {
      for (const char* name : {"pids.max", "memory.max", "memory.limit_in_bytes"}) {
        const auto lines = lines_of(group + "/" + name);
        if (!lines.empty() && lines.front() != "max") found.push_back(lines.front());
      }
    }
    return found;
  }

  ProjectFixture project;
  RecordingGateway gateway;
  std::unique_ptr<DaemonProcess> daemon;
};

// More runs shall execute at once, without a restart.
TEST_F(Reload, TakesOnWhatTheConfigurationSaysNow) {
  const std::string release = project.scratch("release");
  project.add_workflow("hold", hold_step("wait", release));
  project.add_workflow("slow", shell_step("sleep", "sleep 1000"));
  start("max-runs = 1\nlog-level = info\n");
  ASSERT_TRUE(run("first", "hold").ok);
  ASSERT_TRUE(run("second", "hold").ok);
  ASSERT_TRUE(reaches_state(daemon->socket(), "first", "executing"));
  EXPECT_EQ(text_of(run_view(daemon->socket(), "second"), "state"), "queued");

  configure("max-runs = 3\nlog-level = debug\nrun-time-max = 0.4\nheartbeat-interval = 9\n");
  const auto told = charter({"reload"});
  EXPECT_EQ(told.code, kFine) << told.err;
  EXPECT_THAT(told.out, AllOf(HasSubstr("Read anew: config.\n"),
                              HasSubstr("Changed: max-runs from 1 to 3.\n"),
                              HasSubstr("Changed: log-level from info to debug.\n"),
                              HasSubstr("Changed: run-time-max from 0 to 0.4.\n"),
                              HasSubstr("Needs a restart: heartbeat-interval.\n")));
  EXPECT_TRUE(reaches_state(daemon->socket(), "second", "executing"));
  EXPECT_EQ(status().at("max_runs"), 3);
  ASSERT_TRUE(gateway.wait_for("worker.register", 2));
  EXPECT_EQ(gateway.of_type("worker.register").back().json.at("capabilities").at("max_runs"), 3);
  ASSERT_TRUE(run("late", "slow").ok);
  EXPECT_EQ(gateway.wait_for_end("late"), "RunFailedEvent");
  EXPECT_THAT(text_of(gateway.events("late").back(), "error"), StartsWith("time limit: "));
  // It began before, without a limit.
  EXPECT_EQ(text_of(run_view(daemon->socket(), "first"), "state"), "executing");
  write_file(release, "");
  EXPECT_EQ(gateway.wait_for_end("first"), "RunCompleteEvent");

  const auto again = charter({"reload", "--json"});
  EXPECT_THAT(again.out, AllOf(StartsWith(R"({"reread":["config"],"changed":[],)"),
                               HasSubstr(R"("needs_restart":["heartbeat-interval"])")));
}

// Somebody has mistyped: the daemon goes on with what it had, and says what is wrong.
TEST_F(Reload, WrongConfigurationChangesNothing) {
  start("max-runs = 2\n");
  configure("max-runs = 5\nrun-pids-max = many\n");
  const auto told = charter({"reload"});
  EXPECT_EQ(told.code, kRefused);
  EXPECT_THAT(told.err, AllOf(HasSubstr("Nothing was changed"), HasSubstr("run-pids-max")));
  EXPECT_EQ(status().at("max_runs"), 2);
  daemon->signal(SIGHUP);
  EXPECT_TRUE(eventually(kSoon, [&] {
    return daemon->log().find("Reload: nothing was changed") != std::string::npos;
  }));
  EXPECT_EQ(status().at("max_runs"), 2);
  EXPECT_TRUE(daemon->running());
  configure("max-runs = 5\n");
  daemon->signal(SIGHUP);
  EXPECT_TRUE(eventually(kSoon, [&] { return status().at("max_runs") == 5; }));
}

// A new token file and another one in its place; one that cannot be read keeps the old.
TEST_F(Reload, TokenIsReadAnewAndNeverShown) {
  write_file(project.scratch("token"), "first-secret\n");
  write_file(project.scratch("other"), "second-secret\n");
  start("token-file = " + project.scratch("token") + "\n");
  configure("token-file = " + project.scratch("none") + "\n");
  const auto wrong = charter({"reload"});
  EXPECT_EQ(wrong.code, kRefused);
  EXPECT_THAT(wrong.err, HasSubstr(project.scratch("none")));
  configure("token-file = " + project.scratch("other") + "\n");
  const auto told = charter({"reload"});
  EXPECT_EQ(told.code, kFine) << told.err;
  EXPECT_THAT(told.out, HasSubstr("Changed: token-file"));
  ASSERT_TRUE(gateway.wait_for("worker.register", 2));
  EXPECT_THAT(told.out + wrong.err + daemon->log(), Not(HasSubstr("-secret")));
}

TEST_F(Reload, LimitNobodyAskedForAtTheStartNeedsARestart) {
  start("");
  configure("run-pids-max = 50\n");
  const auto told = charter({"reload"});
  EXPECT_EQ(told.code, kFine) << told.err;
  EXPECT_THAT(told.out, HasSubstr("Needs a restart: run-pids-max.\n"));
  EXPECT_TRUE(status().at("limits").at("pids").is_null());
}

// The same step: what was too much for the run that began before is not for the one that begins
// now.
TEST_F(Reload, LimitsHoldForRunsThatBeginAfterIt) {
  if (const auto why = why_no_groups(); !why.empty()) GTEST_SKIP() << "no groups here: " << why;
  const std::string go = project.scratch("go");
  project.add_workflow("many",
                       hold_step("wait", go) +
                           shell_step("many", "for i in $(seq 40); do sleep 1000 >&- 2>&- & done"));
  start("run-pids-max = 30\nrun-memory-max = 64M\n");
  ASSERT_TRUE(run("before", "many").ok);
  ASSERT_TRUE(gateway.wait_for_event("before", "StepStartEvent"));

  configure("run-pids-max = 200\nrun-memory-max = 96M\n");
  const auto told = charter({"reload"});
  EXPECT_EQ(told.code, kFine) << told.err;
  EXPECT_THAT(told.out, AllOf(HasSubstr("Changed: run-pids-max from 30 to 200.\n"),
                              HasSubstr("Changed: run-memory-max from 64M to 96M.\n")));
  EXPECT_EQ(status().at("limits").at("pids").at("max"), 200);
  ASSERT_TRUE(run("after", "many").ok);
  ASSERT_TRUE(gateway.wait_for_event("after", "StepStartEvent"));
  EXPECT_THAT(limits_in_force("before"), ::testing::UnorderedElementsAre("30", "67108864"));
  EXPECT_THAT(limits_in_force("after"), ::testing::UnorderedElementsAre("200", "100663296"));

  write_file(go, "");
  EXPECT_EQ(gateway.wait_for_end("before"), "RunFailedEvent");
  EXPECT_THAT(text_of(gateway.events("before").back(), "error"),
              AllOf(StartsWith("too many processes: "), HasSubstr("limit 30 (run-pids-max)")));
  EXPECT_EQ(gateway.wait_for_end("after"), "RunCompleteEvent")
      << boost::json::serialize(gateway.events("after").back());
}

class DaemonLog : public Reload {
 protected:
  const std::string file = project.scratch("log-file");
};

TEST_F(DaemonLog, AsJsonIsOneObjectALine) {
  project.add_workflow("hello", shell_step("greet", "true"));
  start("", {"--log-format", "json", "--log-file", file});
  ASSERT_TRUE(run("r1", "hello").ok);
  ASSERT_EQ(gateway.wait_for_end("r1"), "RunCompleteEvent");
  daemon->stop();
  const auto lines = lines_of(file);
  ASSERT_GT(lines.size(), 3U);
  bool told = false;
  for (const auto& line : lines) {
    const auto entry = boost::json::parse(line).as_object();
    EXPECT_EQ(entry.size(), 3U);
    EXPECT_THAT(text_of(entry, "time"), EndsWith("Z"));
    EXPECT_NE(text_of(entry, "level"), "");
    told = told || text_of(entry, "message").starts_with("Tracking run: run_id=r1");
  }
  EXPECT_TRUE(told);
}

TEST_F(DaemonLog, ForTheJournalBeginsWithThePriority) {
  start("", {"--log-format", "journald", "--log-file", file});
  daemon->stop();
  ASSERT_FALSE(lines_of(file).empty());
  for (const auto& line : lines_of(file)) {
    EXPECT_TRUE(line.starts_with("<6>") || line.starts_with("<4>") || line.starts_with("<3>"))
        << line;
  }
}

// Nothing is lost between one file and the next, and no more are kept than were asked for.
TEST_F(DaemonLog, IsRenamedWhenItHasBecomeLong) {
  start("",
        {"--log-file", file, "--log-max-bytes", "64K", "--log-keep", "2", "--log-level", "debug"});
  const auto fill = [&] {
    for (int i = 0; i < 400; ++i) {
      (void)answer_to(daemon->socket(), R"({"type":"start_run","run_id":"x","workflow_id":")" +
                                            std::string(200, 'w') +
                                            R"(","workflow_path":"y"})"
                                            "\n");
    }
  };
  ASSERT_TRUE(eventually(kRunTime, [&] {
    fill();
    return exists(file + ".1") && exists(file + ".2");
  }));
  fill();
  EXPECT_FALSE(exists(file + ".3"));
  for (const auto* ending : {"", ".1", ".2"}) {
    EXPECT_LE(std::filesystem::file_size(file + ending), 64U << 10) << ending;
    EXPECT_EQ(mode_of(file + ending), 0600U) << ending;
    for (const auto& line : lines_of(file + ending)) {
      EXPECT_THAT(line, HasSubstr(" charter_daemon: ")) << ending;
    }
  }
  EXPECT_TRUE(daemon->running());
}

TEST_F(DaemonLog, IsOpenedAnewByACommandThatHasNoOptionsOfOthers) {
  EXPECT_THAT(charter({"reload", "--help"}).out, Not(HasSubstr("--status")));
  const auto wrong = charter({"reload", "--status", "active"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("--status"));
}

// As logrotate does: rename, then SIGHUP. Workers that come write to the new file of theirs, too.
TEST_F(DaemonLog, IsOpenedAnewOnSighup) {
  const std::string workers = project / ".charter/daemon/workers.log";
  start("", {"--log-file", file});
  std::filesystem::rename(file, file + ".old");
  std::filesystem::rename(workers, workers + ".old");
  daemon->signal(SIGHUP);
  ASSERT_TRUE(eventually(kSoon, [&] {
    return exists(file) && read_file(file).find("Reloaded") != std::string::npos;
  }));
  EXPECT_TRUE(exists(workers));
  EXPECT_THAT(read_file(file + ".old"), HasSubstr("IPC socket ready"));
}

TEST_F(DaemonLog, FileThatCannotBeWrittenKeepsTheDaemonFromStarting) {
  const auto end = charter({"start", "--project-path", project.root(), "--gateway",
                            "http://127.0.0.1:9", "--log-file", "/proc/none/log"});
  EXPECT_EQ(end.code, 1);
  EXPECT_THAT(end.err, HasSubstr("/proc/none/log"));
  const auto wrong = charter({"start", "--project-path", project.root(), "--log-max-bytes", "12"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("log-max-bytes"));
}

}  // namespace
}  // namespace charter::tests
