// A daemon is killed while a sync of its fails: nobody is left who was told, and every later sync
// succeeds. The next daemon must not take that for a proof.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <optional>

#include "tests/support/call_trace.h"
#include "tests/support/injection.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

class KilledInSync : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!tracing_is_possible()) GTEST_SKIP() << "strace is not there, or may not trace";
  }

  // Kills the daemon in the sync that `cause` brings about.
  template <class Cause>
  void kill_in_sync(Cause cause) {
    // Once it answers, all of its threads are there.
    ASSERT_FALSE(control(scene.daemon.socket(), "ping").empty());
    const Injection injection(scene.daemon.pid(), "fdatasync", "error=EIO:signal=SIGKILL", "1");
    cause();
    ASSERT_TRUE(eventually(kSoon, [&] { return !scene.daemon.running(); })) << "it synced nothing";
  }
  // Nobody was told.
  static bool in_doubt(const std::string& path) { return (mode_of(path) & S_ISVTX) != 0; }
  void start_next() {
    DaemonOptions options;
    options.gateway = scene.gateway.url();
    options.command = tracing_command(trace);
    options.command.push_back(daemon_binary());
    next.emplace(scene.project, options);
  }
  // Whether the next daemon, or what it started, wrote a file again from its beginning and synced
  // it.
  bool written_again(const std::string& path) {
    (void)next->stop();
    const auto calls = read_trace(trace);
    const auto names_it = [&](const TracedCall& call, const char* name) {
      return call.name == name && call.result >= 0 && !call.arguments.empty() &&
             annotation(call.arguments.front()) == path;
    };
    const auto written = std::ranges::find_if(calls, [&](const TracedCall& call) {
      return names_it(call, "pwrite64") && number(call.arguments.back()) == 0;
    });
    return std::any_of(written, calls.end(),
                       [&](const TracedCall& call) { return names_it(call, "fdatasync"); });
  }

  Started scene;
  const std::string trace = scene.project.scratch("trace");
  std::optional<DaemonProcess> next;
};

TEST_F(KilledInSync, AJournalIsWrittenAgainBesideItsWorker) {
  const auto go = scene.project.scratch("go");
  const auto end = scene.project.scratch("end");
  scene.project.add_workflow("two", hold_step("one", go) + hold_step("two", end));
  ASSERT_TRUE(scene.run("r1", "two").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  ASSERT_NO_FATAL_FAILURE(kill_in_sync([&] { write_file(go, ""); }));
  ASSERT_FALSE(in_doubt(scene.project.journal("r1")));
  start_next();
  EXPECT_TRUE(eventually(kSoon, [&] { return scene.gateway.events("r1").size() == 3; }))
      << "what was written again is delivered while the run goes on";
  write_file(end, "");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_TRUE(written_again(scene.project.journal("r1")));
}

TEST_F(KilledInSync, AJournalIsWrittenAgainAfterItsWorker) {
  const auto go = scene.project.scratch("go");
  scene.project.add_workflow("gated", hold_step("one", go) + gate_step("gate"));
  ASSERT_TRUE(scene.run("r1", "gated").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  ASSERT_NO_FATAL_FAILURE(kill_in_sync([&] { write_file(go, ""); }));
  ASSERT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r1").empty(); }));
  ASSERT_FALSE(in_doubt(scene.project.journal("r1")));
  start_next();
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_TRUE(written_again(scene.project.journal("r1")));
}

TEST_F(KilledInSync, AJournalThatAStartWasSyncingIsWrittenAgain) {
  scene.project.add_workflow("gated", gate_step("gate"));
  const std::string journal = scene.project.journal("r1");
  ASSERT_TRUE(scene.run("r1", "gated").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  ASSERT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r1").empty(); }));
  scene.daemon.kill();
  DaemonOptions dying;
  dying.gateway = scene.gateway.url();
  dying.wait_for_socket = false;
  dying.command = {"/usr/bin/strace",
                   "-D",
                   "-f",
                   "-qq",
                   "-o",
                   scene.project.scratch("killing"),
                   "-P",
                   journal,
                   "-e",
                   "trace=fdatasync",
                   "-e",
                   "inject=fdatasync:error=EIO:signal=SIGKILL:when=1",
                   daemon_binary()};
  {
    DaemonProcess daemon(scene.project, dying);
    ASSERT_TRUE(eventually(kSoon, [&] { return !daemon.running(); })) << "it synced nothing";
  }
  ASSERT_FALSE(in_doubt(journal));
  start_next();
  EXPECT_EQ(run_view(next->socket(), "r1").at("status").as_string(), "paused");
  EXPECT_TRUE(written_again(journal));
}

TEST_F(KilledInSync, TheLedgerIsWrittenAgain) {
  scene.project.add_workflow("one", shell_step("one", "true"));
  std::string segment;
  for (const auto& entry :
       std::filesystem::directory_iterator(scene.project.root() + "/.charter/daemon/ledger")) {
    if (entry.path().extension() == ".base") segment = entry.path();
  }
  ASSERT_FALSE(segment.empty());
  ASSERT_NO_FATAL_FAILURE(kill_in_sync([&] { EXPECT_FALSE(scene.run("r1", "one").ok); }));
  ASSERT_FALSE(in_doubt(segment));
  start_next();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_TRUE(written_again(segment));
}

}  // namespace
}  // namespace charter::tests
