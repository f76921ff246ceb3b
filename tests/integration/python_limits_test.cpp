// Limits of runs whose integrations are Python, in an interpreter of the run's own and in one that
// has waited for it: both are the run's from its first step on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <optional>

#include "tests/support/process_table.h"
#include "tests/support/python_project.h"
#include "tests/support/run_groups.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr int kMostTries = 40;  // until an interpreter has waited
constexpr std::uint64_t kMemory = 128U << 20;

constexpr std::string_view kModule = R"(
import os, resource, subprocess, sys, time
from charter_integration_sdk import WorkflowIntegration

def tell(path):
    groups = [line.strip() for line in open("/proc/self/cgroup") if "/charter-" in line]
    with open(path + ".new", "w") as file:
        file.write("warm\n" if "charter-nursery" in sys.orig_argv else "cold\n")
        file.write(f"{os.getpid()}\n{len(groups)}\n")
        file.write(f"{resource.getrlimit(resource.RLIMIT_DATA)[0]}\n")
        file.write(open("/proc/self/oom_score_adj").read())
    os.rename(path + ".new", path)

class Tool(WorkflowIntegration):
    def __init__(self): pass
    async def execute(self, step, context):
        told = step.with_config["told"]
        match step.with_config["do"]:
            case "hog":
                tell(told)
                try: return str(len(bytearray(b"x") * 400_000_000))
                except MemoryError: raise RuntimeError("no memory")
            case "many":
                tell(told)
                for i in range(60): subprocess.Popen(["sleep", "1000"])
            case "forks":
                forks_and_hangs(told + ".there")
        return "done"
)";

struct Told {
  std::string how;
  pid_t pid = 0;
  int groups = 0;
  std::uint64_t data_bytes = 0;
  int oom_score = 0;
};

class PythonLimits : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing_the_reference()) GTEST_SKIP() << "the reference limits nothing";
    if (const auto why = why_no_toolchain(); !why.empty()) GTEST_SKIP() << why;
  }
  void start(std::vector<std::string> arguments, std::vector<std::string> command = {}) {
    DaemonOptions options;
    options.arguments = std::move(arguments);
    options.command = std::move(command);
    use_toolchain(options);
    scene.emplace(options);
    add_environment(scene->project);
    std::string forking = "def forks_and_hangs(there):\n    tell(there[:-6])\n    ";
    for (const char letter : forks_and_hangs("THERE")) {
      forking += letter;
      if (letter == '\n') forking += "    ";
    }
    forking.replace(forking.find("'THERE'"), 7, "there");
    write_file(scene->project / "tools.py", std::string(kModule) + forking + "\n");
  }
  std::string told_file(const std::string& run) const { return scene->project.scratch(run); }
  void hand_over(const std::string& run, const std::string& what) {
    scene->project.add_workflow(run, "  - {id: a, type: step, uses: capability/t, with: {do: " +
                                         what + ", told: \"" + told_file(run) + "\"}}\n");
    HandOff request;
    request.run_id = run;
    request.workflow_id = run;
    request.workflow_path = scene->project.plan(run);
    request.capabilities["capability/t"] = {{"kind", "python"},
                                            {"spec", "tools:Tool"},
                                            {"config", boost::json::object{}},
                                            {"env", nullptr},
                                            {"config_secret_refs", nullptr},
                                            {"secrets_registry", boost::json::object{}}};
    const Answer answer = hand_off(scene->daemon.socket(), request);
    ASSERT_TRUE(answer.ok) << answer.raw;
  }
  Told told(const std::string& run) const {
    const auto lines = lines_of(told_file(run));
    if (lines.size() < 5) return {};
    return {lines[0], std::stoi(lines[1]), std::stoi(lines[2]), std::stoull(lines[3]),
            std::stoi(lines[4])};
  }
  std::string error_of(const std::string& run) {
    EXPECT_EQ(scene->gateway.wait_for_end(run), "RunFailedEvent");
    const auto events = scene->gateway.events(run);
    return events.empty() ? std::string() : text_of(events.back(), "error");
  }
  void expect_nothing_left(const std::string& run) {
    EXPECT_TRUE(eventually(kSoon, [&] { return groups_of(scene->project, run).empty(); }));
    EXPECT_TRUE(eventually(kSoon, [&] {
      return !alive(told(run).pid) && scene->project.processes_of(run).empty();
    })) << run;
    EXPECT_EQ(scene->gateway.order_faults(run), "");
  }
  // Runs it in an interpreter of its own, and then until one has waited; each is looked at by
  // `check`.
  template <class Check>
  void both_ways(const std::string& what, Check&& check) {
    int runs = 0;
    for (const std::string how : {"cold", "warm"}) {
      let_nursery_begin(scene->project, how == "warm");
      std::string began;
      for (int i = 0; i < kMostTries && began != how; ++i) {
        const std::string run = what + std::to_string(runs++);
        ASSERT_NO_FATAL_FAILURE(hand_over(run, what));
        ASSERT_NO_FATAL_FAILURE(check(run));
        began = told(run).how;
        expect_nothing_left(run);
        if (HasFailure()) FAIL() << run << " began " << began;
      }
      EXPECT_EQ(began, how);
    }
  }

  std::optional<Started> scene;
};

class PythonInGroups : public PythonLimits {
 protected:
  void SetUp() override {
    PythonLimits::SetUp();
    if (IsSkipped()) return;
    if (const auto why = why_no_groups(); !why.empty()) GTEST_SKIP() << "no groups here: " << why;
  }
};

TEST_F(PythonInGroups, MemoryOfTheInterpreterIsCountedAndItsEndSaysSo) {
  start({"--run-memory-max", std::to_string(kMemory)});
  both_ways("hog", [this](const std::string& run) {
    EXPECT_THAT(error_of(run), StartsWith("out of memory: step 'a' was ended by the kernel, limit "
                                          "128 MiB, peak 12"));
    EXPECT_GE(told(run).groups, 1);
    EXPECT_EQ(told(run).oom_score, 500) << "the engine is the likelier victim";
  });
}

TEST_F(PythonInGroups, ProcessesOfTheInterpreterAreCountedAndRefused) {
  start({"--run-pids-max", "20"});
  both_ways("many", [this](const std::string& run) {
    EXPECT_THAT(error_of(run),
                AllOf(StartsWith("too many processes: step 'a' was refused a new one "),
                      HasSubstr("limit 20 (run-pids-max): ")));
    EXPECT_GE(told(run).groups, 1);
  });
}

TEST_F(PythonInGroups, KillTakesInterpreterForksAndGroupsAlong) {
  start({"--run-memory-max", "1G", "--run-pids-max", "50", "--run-cpu-max", "50"});
  both_ways("forks", [this](const std::string& run) {
    ASSERT_TRUE(eventually(kRunTime, [&] { return exists(told_file(run) + ".there"); }));
    std::vector<pid_t> members;
    for (const auto& group : groups_of(scene->project, run)) {
      std::vector<pid_t> here;
      for (const auto& line : lines_of(group + "/cgroup.procs")) {
        if (!line.empty()) here.push_back(std::stoi(line));
      }
      // Engine, interpreter, two forks of which one is an orphan, and a program.
      EXPECT_GE(here.size(), 5U) << group;
      EXPECT_THAT(here, Contains(told(run).pid)) << group;
      members = here;
    }
    EXPECT_FALSE(members.empty());
    const auto end = charter_daemon(scene->project, {"kill", run, "--grace", "0.1"});
    EXPECT_EQ(end.code, 0) << end.err;
    for (const pid_t pid : members) EXPECT_FALSE(alive(pid)) << command_line_of(pid);
    EXPECT_EQ(scene->gateway.wait_for_end(run), "RunCancelledEvent");
  });
}

TEST_F(PythonInGroups, TimeLimitTakesInterpreterForksAndGroupsAlong) {
  start({"--run-time-max", "1", "--run-pids-max", "50", "--kill-grace", "0.1"});
  both_ways("forks", [this](const std::string& run) {
    EXPECT_THAT(error_of(run), StartsWith("time limit: "));
  });
}

// Where no group can be had the limit is each process's own, also of one that was there before.
TEST_F(PythonLimits, OfMemoryHoldEachProcessWithoutGroups) {
  std::vector<std::string> command;
  if (::geteuid() == 0) {
    command = {"unshare",
               "--mount",
               "sh",
               "-c",
               "mount -t tmpfs -o ro none /sys/fs/cgroup && exec \"$0\" \"$@\"",
               daemon_binary()};
    ChildSpec probe;
    probe.argv = {"unshare", "--mount", "sh", "-c", "mount -t tmpfs none /sys/fs/cgroup"};
    if (run_to_end(probe).code != 0) GTEST_SKIP() << "root here has groups, and cannot hide them";
  }
  start({"--run-memory-max", std::to_string(kMemory)}, command);
  const auto status = charter_daemon(scene->project, {"status"});
  if (status.out.find("memory: 128 MiB, by rlimit") == std::string::npos) {
    GTEST_SKIP() << "this user's group is delegated to it";
  }
  both_ways("hog", [this](const std::string& run) {
    EXPECT_THAT(error_of(run), HasSubstr("no memory"));
    EXPECT_EQ(told(run).data_bytes, kMemory);
  });
}

}  // namespace
}  // namespace charter::tests
