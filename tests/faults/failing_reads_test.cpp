// A read fails. A daemon that starts refuses to, or begins with what there is; one that runs reads
// again. What could not be read is never taken for what is not there.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "tests/support/files.h"
#include "tests/support/injection.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

const std::vector<std::string> kRuns = {"waits", "ended", "executes", "queued"};

// One run each that waits at a gate, has ended undelivered, executes, and waits for its turn.
class Scene {
 public:
  Scene() : started_(one_at_a_time()), gateway_(started_.daemon.options().gateway) {
    started_.project.add_workflow(
        "patient",
        shell_step("a", "while [ ! -e \"$go\" ]; do sleep 0.02; done; echo a >> \"$log\"",
                   "inputs: {log: log, go: go}"));
    started_.project.add_workflow(
        "gated", gate_step("gate") + shell_step("a", "echo a >> \"$log\"", "inputs: {log: log}"));
    started_.project.add_workflow("short",
                                  shell_step("a", "echo a >> \"$log\"", "inputs: {log: log}"));
    daemon().options().gateway = "http://127.0.0.1:9";
    again({});
    begin("waits", "gated", "paused");
    begin("ended", "short", "finished");
    begin("executes", "patient", "executing");
    begin("queued", "patient", "queued");
  }
  DaemonProcess& daemon() { return started_.daemon; }
  // False when the new daemon refuses to start.
  bool again(std::vector<std::string> command) {
    daemon().kill();
    daemon().options().command = std::move(command);
    try {
      daemon().start();
    } catch (const std::runtime_error&) {
      return false;
    }
    return true;
  }
  std::string state(const std::string& run) {
    return text_of(run_view(daemon().socket(), run), "state");
  }
  std::string trace() const { return started_.project.scratch("trace"); }

  void expect_all_done() {
    daemon().options().gateway = gateway_;
    ASSERT_TRUE(again({})) << daemon().log();
    write_file(go_, "");
    const auto answers =
        control(daemon().socket(), "resume", {{"run_id", "waits"}, {"approved", true}});
    ASSERT_FALSE(answers.empty());
    EXPECT_TRUE(answers.front().at("ok").as_bool());
    for (const std::string& run : kRuns) {
      EXPECT_EQ(started_.gateway.wait_for_end(run), "RunCompleteEvent") << run;
      EXPECT_EQ(started_.gateway.order_faults(run), "") << run;
      EXPECT_EQ(lines_of(log(run)), std::vector<std::string>{"a"}) << run;
    }
  }

 private:
  static DaemonOptions one_at_a_time() {
    DaemonOptions options;
    options.arguments = {"--max-runs", "1"};
    return options;
  }
  std::string log(const std::string& run) const { return started_.project.scratch(run); }
  void begin(const std::string& run, const std::string& workflow, const std::string& until) {
    EXPECT_TRUE(started_.run(run, workflow, {{"log", log(run)}, {"go", go_}}).ok) << run;
    EXPECT_TRUE(eventually(kRunTime, [&] { return state(run) == until; })) << run << state(run);
  }

  Started started_;
  std::string gateway_;
  std::string go_ = started_.project.scratch("go");
};

class FailedAtStart : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!Injection::possible()) GTEST_SKIP() << "strace is not installed";
  }
  static std::vector<std::string> traced(const std::string& output, const std::string& inject) {
    std::vector<std::string> command = {"/usr/bin/strace", "-D", "-qq", "-o", output};
    command.insert(command.end(), {"-e", std::string("trace=") + GetParam()});
    if (!inject.empty()) {
      command.insert(command.end(), {"-e", std::string("inject=") + GetParam() + ":" + inject});
    }
    command.push_back(daemon_binary());
    return command;
  }
};

// Every call of the main thread from its program's beginning until it answers.
TEST_P(FailedAtStart, EveryRead) {
  Scene scene;
  ASSERT_TRUE(scene.again(traced(scene.trace(), "")));
  const int calls = static_cast<int>(lines_of(scene.trace()).size());
  ASSERT_GT(calls, 0) << "no such call is made";
  int refused = 0;
  for (int n = 1; n <= calls; ++n) {
    SCOPED_TRACE("EIO at call " + std::to_string(n) + " of " + std::to_string(calls));
    const std::string inject = "error=EIO:when=" + std::to_string(n);
    if (!scene.again(traced("/dev/null", inject))) {
      ++refused;
      const auto ending = scene.daemon().wait();
      ASSERT_TRUE(ending) << "it neither answers nor ends";
      EXPECT_FALSE(ending->signalled) << scene.daemon().log();
      continue;
    }
    for (const std::string& run : kRuns) {
      const std::string state = scene.state(run);
      EXPECT_NE(state, "") << run << " is not known:\n" << scene.daemon().log();
      EXPECT_FALSE(run != "ended" && state == "finished") << run;
    }
  }
  RecordProperty("calls", calls);
  RecordProperty("refused", refused);
  scene.expect_all_done();
}

// A journal that cannot be read when its worker ends may hold the run's end, or not: nothing is
// decided, and no other terminal event is written, until it is known.
TEST(FailedReads, HoldRunsWhoseWorkersEndOnlyUntilTheirJournalsCanBeRead) {
  if (!Injection::possible()) GTEST_SKIP() << "strace is not installed";
  Started scene;
  scene.project.add_workflow(
      "patient",
      shell_step("a", "while [ ! -e \"$go\" ]; do sleep 0.02; done", "inputs: {go: go}"));
  const std::string go = scene.project.scratch("go");
  const std::string never = scene.project.scratch("never");
  ASSERT_TRUE(scene.run("ends", "patient", {{"go", go}}).ok);
  ASSERT_TRUE(scene.run("dies", "patient", {{"go", never}}).ok);
  const std::string& socket = scene.daemon.socket();
  const auto is = [&](const std::string& run, const std::string& state) {
    return text_of(run_view(socket, run), "state") == state;
  };
  for (const char* run : {"ends", "dies"}) {
    ASSERT_TRUE(eventually(kRunTime, [&] {
      return !text_of(run_view(socket, run), "step").empty() && engine_of(socket, run) != 0;
    })) << run;
  }
  const pid_t guardian = guardian_of(socket, "dies");
  const pid_t engine = engine_of(socket, "dies");
  {
    const Injection injection(scene.daemon.pid(), "pread64", "error=EIO", "1+");
    write_file(go, "");
    ASSERT_TRUE(kill_worker(guardian, engine));
    for (const char* run : {"ends", "dies"}) {
      EXPECT_TRUE(eventually(kRunTime, [&] { return is(run, "held"); })) << run;
      EXPECT_EQ(scene.gateway.wait_for_end(run, milliseconds(0)), "") << run;
    }
  }
  EXPECT_EQ(scene.gateway.wait_for_end("ends"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.wait_for_end("dies"), "RunFailedEvent");
  for (const char* run : {"ends", "dies"}) {
    EXPECT_EQ(scene.gateway.order_faults(run), "") << run;
    EXPECT_TRUE(eventually(kSoon, [&] { return is(run, "finished"); })) << run;
  }
}

INSTANTIATE_TEST_SUITE_P(Reads, FailedAtStart,
                         ::testing::Values("openat", "pread64", "read", "newfstatat", "getdents64",
                                           "fcntl"),
                         [](const auto& each) { return std::string(each.param); });

}  // namespace
}  // namespace charter::tests
