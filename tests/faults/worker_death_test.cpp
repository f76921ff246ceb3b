// An engine, a guardian or both may die: one terminal event with the cause, no process left,
// and no other run notices.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

struct Victim {
  std::string name;
  bool guardian = false;
  bool engine = false;
  int signal = SIGKILL;
  std::string error;  // how the run's error begins
  bool daemon_down = false;
};

void PrintTo(const Victim& victim, std::ostream* out) { *out << victim.name; }

class WorkerDeath : public ::testing::TestWithParam<Victim> {};

TEST_P(WorkerDeath, EndsTheRunOnceWithItsCauseAndHarmsNoOther) {
  Started scene;
  const auto release = scene.project.scratch("release");
  const auto stray = std::string("setsid sleep 1000 >/dev/null 2>&1 &\n");
  scene.project.add_workflow(
      "victim", shell_step("before", "true") + shell_step("open", stray + "sleep 1000"));
  scene.project.add_workflow("other", hold_step("wait", release));
  ASSERT_TRUE(scene.run("other", "other").ok);
  ASSERT_TRUE(scene.run("r1", "victim").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("other", "StepStartEvent"));
  ASSERT_TRUE(eventually(kSoon, [&] { return scene.gateway.events("r1").size() == 3; }));
  ASSERT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r1").size() >= 3; }));
  const pid_t guardian = guardian_of(scene.daemon.socket(), "r1");
  const pid_t engine = engine_of(scene.daemon.socket(), "r1");
  ASSERT_GT(guardian, 0);
  ASSERT_GT(engine, 0);

  if (GetParam().daemon_down) scene.daemon.kill();
  if (GetParam().guardian && GetParam().engine) {
    ASSERT_TRUE(kill_worker(guardian, engine));
  } else {
    kill(GetParam().guardian ? guardian : engine, GetParam().signal);
  }
  if (GetParam().daemon_down) {
    EXPECT_TRUE(eventually(kSoon, [&] { return !alive(guardian) && !alive(engine); }));
    scene.daemon.start();
  }

  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_THAT(scene.gateway.event_kinds("r1"),
              ElementsAre("StepStartEvent", "StepCompleteEvent", "StepStartEvent",
                          "StepFailedEvent", "RunFailedEvent"));
  const auto events = scene.gateway.events("r1");
  EXPECT_THAT(text_of(events.back(), "error"), StartsWith(GetParam().error));
  EXPECT_EQ(text_of(events[3], "error"), text_of(events[4], "error"));
  EXPECT_EQ(text_of(events[3], "step_id"), "open");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r1").empty(); }));
  const auto state = boost::json::parse(read_file(scene.project.state_file("r1"))).as_object();
  EXPECT_EQ(text_of(state, "status"), "failed");
  EXPECT_EQ(text_of(state, "error"), text_of(events[4], "error"));
  EXPECT_TRUE(state.at("outputs").as_object().contains("before"));

  write_file(release, "");
  EXPECT_EQ(scene.gateway.wait_for_end("other"), "RunCompleteEvent");
  // It stays one terminal event when the next daemon looks at the journal again.
  scene.daemon.kill();
  scene.daemon.start();
  ASSERT_TRUE(scene.gateway.wait_for("worker.register", GetParam().daemon_down ? 3 : 2));
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_EQ(scene.gateway.events("r1").size(), 5U);
}

INSTANTIATE_TEST_SUITE_P(
    Faults, WorkerDeath,
    ::testing::Values(
        Victim{"EngineSegv", false, true, SIGSEGV, "worker died: signal 11 (SIGSEGV)"},
        Victim{"EngineKill", false, true, SIGKILL, "worker died: signal 9 (SIGKILL)"},
        Victim{"EngineAbort", false, true, SIGABRT, "worker died: signal 6 (SIGABRT)"},
        Victim{"EngineTerm", false, true, SIGTERM, "interrupted: "},
        Victim{"GuardianTerm", true, false, SIGTERM, "interrupted: "},
        Victim{"GuardianKill", true, false, SIGKILL, "worker died: signal 9 (SIGKILL)"},
        Victim{"BothKill", true, true, SIGKILL, "worker died: signal 9 (SIGKILL)"},
        Victim{"EngineSegvWithoutADaemon", false, true, SIGSEGV, "worker died: signal 11 (SIGSEGV)",
               true},
        Victim{"GuardianKillWithoutADaemon", true, false, SIGKILL, "lost: ", true},
        Victim{"BothKillWithoutADaemon", true, true, SIGKILL, "lost: ", true}),
    [](const auto& each) { return each.param.name; });

#if defined(__x86_64__)
// Has a process of one thread call _exit(code) at its next system call. False: it may not be
// traced.
bool make_exit(pid_t pid, int code) {
  int status = 0;
  if (ptrace(PTRACE_ATTACH, pid, nullptr, nullptr) != 0) return false;
  if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) return false;
  // What it waited in is begun anew, and so it stops at the beginning of a call.
  if (ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr) != 0) return false;
  if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status)) return false;
  user_regs_struct registers{};
  if (ptrace(PTRACE_GETREGS, pid, nullptr, &registers) != 0) return false;
  registers.orig_rax = SYS_exit_group;
  registers.rdi = static_cast<decltype(registers.rdi)>(code);
  if (ptrace(PTRACE_SETREGS, pid, nullptr, &registers) != 0) return false;
  return ptrace(PTRACE_DETACH, pid, nullptr, nullptr) == 0;
}

// A code that none of its own ways out has, as a library or a sanitizer would leave with.
TEST(WorkerDeathByItsOwnExit, EndsTheRunOnceWithTheCode) {
  Started scene;
  scene.project.add_workflow("w", shell_step("before", "true") + shell_step("open", "sleep 1000"));
  for (const bool daemon_down : {false, true}) {
    const std::string id = daemon_down ? "unwatched" : "watched";
    ASSERT_TRUE(scene.run(id, "w").ok);
    ASSERT_TRUE(eventually(kSoon, [&] { return scene.gateway.events(id).size() == 3; }));
    const pid_t engine = engine_of(scene.daemon.socket(), id);
    if (daemon_down) scene.daemon.kill();
    if (!make_exit(engine, 7)) GTEST_SKIP() << "the engine may not be traced here";
    EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of(id).empty(); }));
    if (daemon_down) scene.daemon.start();
    EXPECT_EQ(scene.gateway.wait_for_end(id), "RunFailedEvent");
    EXPECT_THAT(scene.gateway.event_kinds(id),
                ElementsAre("StepStartEvent", "StepCompleteEvent", "StepStartEvent",
                            "StepFailedEvent", "RunFailedEvent"));
    for (const std::size_t at : {3, 4}) {
      EXPECT_EQ(text_of(scene.gateway.events(id)[at], "error"), "worker died: exit code 7");
    }
    EXPECT_EQ(scene.gateway.order_faults(id), "");
  }
}
#endif

// An integration is being set up; no step has begun.
TEST(WorkerDeathBeforeItsFirstStep, EndsTheRunOnceWithItsCause) {
  Started scene;
  scene.project.add_workflow("w", "  - {id: s, type: step, uses: capability/i}\n");
  for (const int signal : {SIGSEGV, SIGTERM}) {
    const std::string id = "r" + std::to_string(signal);
    HandOff request{id, "w", scene.project.plan("w"), {}, {}, nullptr};
    request.capabilities["capability/i"] = {{"kind", "subprocess"},
                                            {"command", {"/bin/sleep", "1000"}},
                                            {"env", nullptr},
                                            {"env_secret_refs", nullptr},
                                            {"secrets_registry", boost::json::object()}};
    ASSERT_TRUE(hand_off(scene.daemon.socket(), request).ok);
    ASSERT_TRUE(eventually(kSoon, [&] { return !scene.project.processes_of(id).empty(); }));
    kill(engine_of(scene.daemon.socket(), id), signal);
    EXPECT_EQ(scene.gateway.wait_for_end(id), "RunFailedEvent");
    EXPECT_THAT(
        text_of(scene.gateway.events(id).back(), "error"),
        StartsWith(signal == SIGSEGV ? "worker died: signal 11" : "interrupted: signal 15"));
    EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of(id).empty(); }));
  }
}

// A cancellation that was under way is completed; so is the end of what it was to end.
TEST(WorkerDeathInACancellation, LeavesNoStepBehind) {
  DaemonOptions options;
  options.arguments = {"--kill-grace", "60"};
  Started scene(options);
  const auto asked = scene.project.scratch("asked");
  scene.project.add_workflow(
      "deaf", shell_step("wait",
                         "setsid sh -c \"trap '' TERM; sleep 1000 & wait; sleep 1000\" &\n"
                         "trap 'echo > " +
                             asked + "' TERM; while :; do sleep 0.05; done"));
  ASSERT_TRUE(scene.run("r1", "deaf").ok);
  ASSERT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r1").size() >= 4; }));
  const pid_t guardian = guardian_of(scene.daemon.socket(), "r1");
  const pid_t engine = engine_of(scene.daemon.socket(), "r1");
  scene.gateway.send({{"type", "run.cancel"}, {"run_id", "r1"}, {"note", "enough"}});
  ASSERT_TRUE(eventually(kSoon, [&] { return exists(asked); }));
  scene.daemon.kill();
  ASSERT_TRUE(kill_worker(guardian, engine));
  EXPECT_FALSE(scene.project.processes_of("r1").empty()) << "nobody is left to end them";
  scene.daemon.start();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r1").empty(); }));
}

TEST(WorkerDeathInAQueue, FreesTheSlot) {
  DaemonOptions options;
  options.arguments = {"--max-runs", "1"};
  Started scene(options);
  scene.project.add_workflow("long", shell_step("wait", "sleep 1000"));
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  ASSERT_TRUE(scene.run("r1", "long").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  ASSERT_TRUE(scene.run("r2", "hello").ok);
  kill(engine_of(scene.daemon.socket(), "r1"), SIGSEGV);
  EXPECT_EQ(scene.gateway.wait_for_end("r2"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
}

}  // namespace
}  // namespace charter::tests
