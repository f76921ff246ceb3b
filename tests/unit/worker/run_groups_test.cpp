// Limits as a run's engine keeps them: groups entered first, processes limited, and the kernel's
// doing told. The groups are plain directories here, in which the step plays the kernel.
#include <gmock/gmock.h>

#include "ipc/limit_texts.h"
#include "tests/unit/worker/driver.h"

namespace charter::worker::testing {
namespace {

using ::testing::StartsWith;

namespace fs = std::filesystem;

std::string one_step(const std::string& run) {
  return R"([{"id": "s", "type": "shell", "run": )" + dump(Value(run)) + "}]";
}

class RunGroupsOf : public ::testing::Test {
 protected:
  // A group of version 2 with a limit of 64 MiB and 20 processes.
  [[nodiscard]] ipc::Job limited(const std::string& command) const {
    fs::create_directory(group);
    for (const char* name : {"memory.max", "pids.max", "cgroup.procs", "cgroup.kill"}) {
      write_text(group + "/" + name, "");
    }
    write_text(group + "/memory.events", "oom_kill 3\n");
    write_text(group + "/memory.peak", "66060288\n");
    write_text(group + "/pids.events", "max 1\n");
    ipc::Job job = project.job("r1", one_step(command));
    job.limits = {64U << 20, 20, 0, group, group, "", group};
    return job;
  }
  std::string error_of(const ipc::Job& job) {
    Worker worker(project, job);
    (void)worker.wait();
    const std::string event = last_event(frames_of(project, "r1"), "RunFailed");
    return event.empty() ? "" : json(event).as_object().find("error")->as_string();
  }

  Project project;
  std::string group = project.path("group");
};

TEST_F(RunGroupsOf, ARunAreEnteredBeforeAnythingBegins) {
  EXPECT_EQ(error_of(limited("cat group/cgroup.procs group/memory.max group/pids.max > seen; "
                             "cat /proc/self/oom_score_adj > score")),
            "");
  EXPECT_EQ(read_text(project.path("seen")), "06710886420") << "entered, memory, processes";
  EXPECT_EQ(read_text(project.path("score")),
            std::to_string(std::min(1000, std::stoi(read_text("/proc/self/oom_score_adj")) + 500)) +
                "\n");
}

// Behind Landlock no process may write its own score.
TEST_F(RunGroupsOf, ASandboxedStepIsLikelierToBeEndedThanItsEngineToo) {
  if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1U) < 1) GTEST_SKIP() << "no Landlock";
  const std::string own = read_text("/proc/self/oom_score_adj");
  // The engine's is raised until the step has begun.
  ipc::Job job = limited(
      "cat /proc/self/oom_score_adj > first; cat /proc/$$/oom_score_adj > second; "
      "for look in $(seq 100); do cat /proc/$PPID/oom_score_adj > engine; "
      "[ \"$(cat engine)\" = " +
      std::to_string(std::stoi(own)) + " ] && break; sleep 0.05; done");
  job.sandbox.level = 1;
  EXPECT_EQ(error_of(job), "");
  const std::string raised = std::to_string(std::min(1000, std::stoi(own) + 500)) + "\n";
  EXPECT_EQ(read_text(project.path("first")), raised);
  EXPECT_EQ(read_text(project.path("second")), raised);
  EXPECT_EQ(read_text(project.path("engine")), own);
}

TEST_F(RunGroupsOf, AStepThatFailsForWantOfMemorySaySoWithThePeak) {
  EXPECT_THAT(error_of(limited("echo 'oom_kill 4' > group/memory.events; exit 7")),
              StartsWith("out of memory: step 's' was ended by the kernel, limit 64 MiB, "
                         "peak 63 MiB: Shell step 's' failed with exit code 7"));
}

TEST_F(RunGroupsOf, AStepThatWasRefusedProcessesSaySoWithTheNumber) {
  EXPECT_THAT(error_of(limited("echo 'max 3' > group/pids.events; exit 7")),
              StartsWith("too many processes: step 's' was refused a new one 2 times, limit 20 "
                         "(run-pids-max): Shell step 's' failed with exit code 7"));
}

TEST_F(RunGroupsOf, AStepThatMetBothLimitsTellOfBoth) {
  const std::string both = error_of(
      limited("echo 'oom_kill 4' > group/memory.events; echo 'max 3' > group/pids.events; exit 7"));
  EXPECT_THAT(both, StartsWith("out of memory: step 's' was ended by the kernel, limit 64 MiB, "
                               "peak 63 MiB: too many processes: step 's' was refused a new one"));
  EXPECT_TRUE(ipc::tells_of_too_many_processes(both));
  EXPECT_FALSE(ipc::tells_of_too_many_processes(
      "out of memory: step 's' was ended by the kernel: failed: too many processes: it says"));
}

TEST_F(RunGroupsOf, WhatTheKernelDidBeforeIsNoReason) {
  EXPECT_THAT(error_of(limited("exit 7")), StartsWith("Shell step 's' failed with exit code 7"));
}

TEST_F(RunGroupsOf, AnEngineThatTheKernelEndedAreTheGuardiansToTell) {
  EXPECT_EQ(error_of(limited("kill -9 $PPID; sleep 600")),
            "out of memory: the run's engine was ended by the kernel, limit 64 MiB, peak 63 MiB");
  const auto exits = bodies<ipc::Exit>(frames_of(project, "r1"));
  ASSERT_EQ(exits.size(), 1U);
  EXPECT_TRUE(exits[0].out_of_memory);
  EXPECT_EQ(exits[0].memory_limit, 64U << 20);
  EXPECT_EQ(exits[0].memory_peak, 63U << 20);
  EXPECT_EQ(read_text(group + "/cgroup.kill"), "1");
}

TEST_F(RunGroupsOf, NoneThatCannotBeMadeLetsARunBegin) {
  ipc::Job job = project.job("r1", one_step("touch begun"));
  job.limits.pids = 20;
  job.limits.pids_group = project.path("nowhere/group");
  EXPECT_THAT(error_of(job), StartsWith("its limits cannot be put in force: make "));
  EXPECT_FALSE(fs::exists(project.path("begun")));
}

TEST_F(RunGroupsOf, WithoutAGroupEachProcessHasItsMemoryLimited) {
  ipc::Job job = project.job("r1", one_step("ulimit -d > seen; ulimit -Hd >> seen"));
  job.limits.memory = 64U << 20;
  EXPECT_EQ(error_of(job), "");
  EXPECT_EQ(read_text(project.path("seen")), "65536\n65536\n");
}

}  // namespace
}  // namespace charter::worker::testing
