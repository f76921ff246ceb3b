// Never a stranger: what is signalled or started is this project's own, of this boot, in this
// place. Whatever else has a recorded pid, a mark or a copied file is left alone.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>

#include "ipc/lock.h"
#include "ipc/peer.h"
#include "ipc/unique_fd.h"
#include "tests/support/log_edit.h"
#include "tests/support/process_table.h"
#include "tests/support/run_processes.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::StartsWith;

constexpr const char* kOtherBoot = "00000000-1111-2222-3333-444444444444";
constexpr milliseconds kAWhile{1500};  // longer than the daemon's pulse

// Somebody else's process.
ChildProcess bystander(std::map<std::string, std::string> environment = {}) {
  ChildSpec spec;
  spec.argv = {"/bin/sleep", "1000"};
  spec.set = std::move(environment);
  return ChildProcess(spec);
}

class Stranger : public ::testing::Test {
 protected:
  Stranger() {
    scene.project.add_workflow(
        "plan", shell_step("one", "echo one >> '" + log + "'") +
                    shell_step("two", "echo two >> '" + log + "'\nwhile [ ! -e '" + release +
                                          "' ]; do sleep 0.02; done"));
  }
  ~Stranger() override { write_file(release, ""); }
  Stranger(const Stranger&) = delete;
  Stranger& operator=(const Stranger&) = delete;

  void run_to_second_step(const std::string& id, std::size_t times = 1) {
    ASSERT_TRUE(scene.run(id, "plan").ok);
    ASSERT_TRUE(at_second_step(times));
  }
  [[nodiscard]] bool at_second_step(std::size_t times = 1) const {
    return eventually(kRunTime, [&] {
      const auto lines = lines_of(log);
      return static_cast<std::size_t>(std::count(lines.begin(), lines.end(), "two")) >= times;
    });
  }
  // The run's worker and its steps are gone, as after a loss of power, and so is the daemon.
  void lose_everything(const std::string& id) {
    pid_t guardian = 0;
    pid_t engine = 0;
    ASSERT_TRUE(eventually(kSoon, [&] {
      guardian = guardian_of(scene.daemon.socket(), id);
      engine = engine_of(scene.daemon.socket(), id);
      return guardian > 0 && engine > 0;
    }));
    scene.daemon.kill();
    ASSERT_TRUE(kill_worker(guardian, engine));
    for (const pid_t step : scene.project.processes_of(id)) kill(step, SIGKILL);
    ASSERT_TRUE(eventually(kSoon, [&] {
      return !alive(guardian) && !alive(engine) && scene.project.processes_of(id).empty();
    }));
  }
  // What the run's journal says of the process that carries it out.
  void record_guardian(const std::string& id, pid_t pid, std::uint64_t start,
                       const std::string& boot) const {
    change_frames(scene.project.journal(id), [&](ipc::JournalFrame& frame) {
      auto* opened = std::get_if<ipc::Opened>(&frame.body);
      if (opened == nullptr) return;
      opened->guardian_pid = pid;
      opened->guardian_start = start;
      opened->boot_id = boot;
    });
  }
  // All that the ledger has on disk.
  [[nodiscard]] std::string ledger() const {
    std::string bytes;
    for (const auto& entry :
         std::filesystem::directory_iterator(scene.project / ".charter/daemon/ledger")) {
      bytes += read_file(entry.path());
    }
    return bytes;
  }
  // Something that nobody can find holds the run's journal, as a worker would.
  [[nodiscard]] ipc::UniqueFd hold_journal(const std::string& id) const {
    ipc::UniqueFd file(::open(scene.project.journal(id).c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_TRUE(ipc::try_lock(file.get()).value());
    return file;
  }

  Started scene;
  const std::string log = scene.project.scratch("log");
  const std::string release = scene.project.scratch("release");
};

struct Recorded {
  const char* name;
  bool same_start;
  bool same_boot;
};

void PrintTo(const Recorded& recorded, std::ostream* out) { *out << recorded.name; }

class RecordedPid : public Stranger, public ::testing::WithParamInterface<Recorded> {};

// Its run seems to execute, and is killed, while the pid on record belongs to somebody else.
TEST_P(RecordedPid, OfSomebodyElseIsNeverSignalled) {
  run_to_second_step("r1");
  lose_everything("r1");
  ChildProcess stranger = bystander();
  const std::uint64_t start = ipc::start_time(stranger.pid()).value();
  record_guardian("r1", stranger.pid(), GetParam().same_start ? start : start - 1,
                  GetParam().same_boot ? ipc::boot_id() : kOtherBoot);
  ipc::UniqueFd worker = hold_journal("r1");
  scene.daemon.start();
  ASSERT_TRUE(eventually(kSoon, [&] {
    const auto view = run_view(scene.daemon.socket(), "r1");
    return text_of(view, "state") == "executing" || text_of(view, "state") == "unreachable";
  }));
  EXPECT_EQ(guardian_of(scene.daemon.socket(), "r1"), 0) << "no process is shown as its guardian";
  ASSERT_TRUE(scene.gateway.wait_for("worker.register", 2));
  scene.gateway.send({{"type", "run.cancel"}, {"run_id", "r1"}, {"command_id", "cancel-of-r1"}});
  ASSERT_TRUE(
      eventually(kSoon, [&] { return ledger().find("cancel-of-r1") != std::string::npos; }));
  // By the way that leads around the daemon, too.
  scene.daemon.signal(SIGSTOP);
  EXPECT_NE(charter_daemon(scene.project, {"kill", "r1", "--grace", "0"}).code, 0);
  scene.daemon.signal(SIGCONT);
  EXPECT_TRUE(throughout(kAWhile, [&] { return alive(stranger.pid()); }));
  worker.reset();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_TRUE(alive(stranger.pid()));
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

INSTANTIATE_TEST_SUITE_P(Faults, RecordedPid,
                         ::testing::Values(Recorded{"RecycledInThisBoot", false, true},
                                           Recorded{"OfAnEarlierBoot", true, false}),
                         [](const auto& each) { return each.param.name; });

// Its journal is of another boot; a process that carries its mark is therefore none of it.
TEST_F(Stranger, AfterARebootRunsAreLostAndNothingIsSignalled) {
  run_to_second_step("r1");
  lose_everything("r1");
  const auto journal = std::filesystem::canonical(scene.project.journal("r1")).string();
  ChildProcess marked = bystander({{"CHARTER_RUN_JOURNAL", journal}});
  record_guardian("r1", marked.pid(), ipc::start_time(marked.pid()).value(), kOtherBoot);
  scene.daemon.start();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_THAT(text_of(scene.gateway.events("r1").back(), "error"),
              StartsWith("lost: the machine was restarted"));
  EXPECT_TRUE(throughout(kAWhile, [&] { return alive(marked.pid()); }));
  EXPECT_THAT(lines_of(log), ElementsAre("one", "two"));
}

// The same in this boot, to see that the mark is looked for at all.
TEST_F(Stranger, WhatCarriesADeadRunsMarkInThisBootIsEnded) {
  run_to_second_step("r1");
  lose_everything("r1");
  const auto journal = std::filesystem::canonical(scene.project.journal("r1")).string();
  ChildProcess marked = bystander({{"CHARTER_RUN_JOURNAL", journal}});
  scene.daemon.start();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_TRUE(marked.wait(kSoon).has_value());
}

TEST_F(Stranger, AfterARebootOnlyChosenRunsGoOn) {
  const auto started =
      charter_daemon(scene.project, {"run", "plan", "--run-id", "r2", "--on-lost", "resume"});
  ASSERT_EQ(started.code, 0) << started.err;
  ASSERT_TRUE(at_second_step());
  lose_everything("r2");
  ChildProcess stranger = bystander();
  record_guardian("r2", stranger.pid(), ipc::start_time(stranger.pid()).value(), kOtherBoot);
  scene.daemon.start();
  ASSERT_TRUE(at_second_step(2));
  write_file(release, "");
  EXPECT_EQ(scene.gateway.wait_for_end("r2"), "RunCompleteEvent");
  EXPECT_THAT(lines_of(log), ElementsAre("one", "two", "two"));
  EXPECT_TRUE(alive(stranger.pid()));
}

// A backup is put in the place of a project whose runs still execute from where it was moved to.
TEST_F(Stranger, RestoredBackupStartsAndEndsNothingUntilSomebodyAdoptsIt) {
  run_to_second_step("r1");
  scene.project.add_workflow("ask", gate_step("gate") + shell_step("after", "true"));
  ASSERT_TRUE(scene.run("asks", "ask").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "asks", "paused"));
  for (const char* id : {"b1", "b2", "b3"}) ASSERT_TRUE(scene.run(id, "plan").ok);
  ASSERT_TRUE(at_second_step(4));
  ASSERT_TRUE(scene.run("waits", "plan").ok);
  const pid_t guardian = guardian_of(scene.daemon.socket(), "r1");
  const pid_t engine = engine_of(scene.daemon.socket(), "r1");
  const auto steps = scene.project.processes_of("r1");
  ASSERT_FALSE(steps.empty());
  scene.daemon.kill();
  const std::string root = scene.project.root();
  std::filesystem::remove(scene.project.socket());
  std::filesystem::rename(root, root + ".moved");
  std::filesystem::copy(root + ".moved", root,
                        std::filesystem::copy_options::recursive |
                            std::filesystem::copy_options::copy_symlinks |
                            std::filesystem::copy_options::skip_existing);
  const auto before = lines_of(log);
  scene.daemon.start();
  EXPECT_NE(charter_daemon(scene.project, {"status"}).out.find("the ledger is a copy"),
            std::string::npos);
  EXPECT_EQ(charter_daemon(scene.project, {"run", "plan"}).code, 5);
  // Approved, it still does not begin.
  EXPECT_EQ(charter_daemon(scene.project, {"resume", "asks", "--approve"}).code, 0);
  EXPECT_TRUE(throughout(kAWhile, [&] {
    return alive(guardian) && alive(engine) && alive(steps.front()) && lines_of(log) == before;
  }));
  EXPECT_EQ(text_of(run_view(scene.daemon.socket(), "waits"), "state"), "queued");
  // Over a restart, too.
  scene.daemon.kill();
  scene.daemon.start();
  EXPECT_TRUE(throughout(kAWhile, [&] { return alive(engine) && lines_of(log) == before; }));

  ASSERT_EQ(charter_daemon(scene.project, {"adopt"}).code, 0);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_EQ(scene.gateway.wait_for_end("asks"), "RunCompleteEvent");
  EXPECT_TRUE(alive(engine)) << "it is the moved project's";
  write_file(release, "");
  EXPECT_EQ(scene.gateway.wait_for_end("waits"), "RunCompleteEvent");
  EXPECT_TRUE(eventually(kSoon, [&] { return !alive(guardian); }));
}

// What a start script leaves running beside the daemon, and what that leaves behind.
TEST(StrangeChildren, OfWhoeverExecutedTheDaemonAreLeftAlone) {
  DaemonOptions options;
  std::string beside;
  std::string late;
  options.prepare = [&](const ProjectFixture& project, DaemonOptions& made) {
    beside = project.scratch("beside");
    late = project.scratch("late");
    made.command = {"/bin/sh", "-c",
                    "(sleep 2; sleep 1000 & echo $! > " + late + ") & sleep 1000 & echo $! > " +
                        beside + "; exec \"$@\"",
                    "sh", daemon_binary()};
  };
  Started scene(std::move(options));
  const std::string release = scene.project.scratch("release");
  scene.project.add_workflow("plan", shell_step("one", "(setsid sleep 1000 &) ; touch '" + release +
                                                           "'; while :; do sleep 0.02; done"));
  ASSERT_TRUE(scene.run("r1", "plan").ok);
  ASSERT_TRUE(eventually(kRunTime, [&] { return !lines_of(late).empty() && exists(release); }));
  const pid_t guardian = guardian_of(scene.daemon.socket(), "r1");
  ASSERT_GT(guardian, 1);
  kill(guardian, SIGKILL);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_TRUE(eventually(kSoon, [&] { return scene.project.processes_of("r1").empty(); }));
  for (const std::string& file : {beside, late}) {
    const auto pid = static_cast<pid_t>(std::stoi(lines_of(file).at(0)));
    EXPECT_THAT(children_of(scene.daemon.pid()), ::testing::Contains(pid)) << file;
    EXPECT_TRUE(throughout(kAWhile, [&] { return alive(pid); })) << file;
  }
}

// As at a shutdown: everything is sent TERM at once, steps, engines, guardians and daemon alike, in
// whatever order.
TEST_F(Stranger, TermToEverythingInterruptsRunsAndFailsNoStep) {
  for (int round = 0; round < 6; ++round) {
    const std::string id = "r" + std::to_string(round);
    run_to_second_step(id, static_cast<std::size_t>(round) + 1);
    std::vector<pid_t> all = scene.project.processes_of(id);
    ASSERT_FALSE(all.empty());
    all.push_back(engine_of(scene.daemon.socket(), id));
    all.push_back(guardian_of(scene.daemon.socket(), id));
    all.push_back(scene.daemon.pid());
    for (const pid_t one : all) ASSERT_GT(one, 0);
    if (round % 2 == 1) std::reverse(all.begin(), all.end());
    for (const pid_t one : all) kill(one, SIGTERM);
    ASSERT_TRUE(scene.daemon.wait().has_value());
    scene.daemon.start();
    EXPECT_EQ(scene.gateway.wait_for_end(id), "RunFailedEvent");
    const auto events = scene.gateway.events(id);
    EXPECT_THAT(text_of(events.back(), "error"), StartsWith("interrupted: signal 15")) << round;
    EXPECT_EQ(text_of(events[events.size() - 2], "error"), text_of(events.back(), "error"));
    EXPECT_EQ(scene.gateway.order_faults(id), "");
  }
}

}  // namespace
}  // namespace charter::tests
