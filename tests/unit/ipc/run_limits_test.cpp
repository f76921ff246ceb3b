// Control groups of either version, as plain directories with the files that the kernel would make.
#include "ipc/run_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace charter::ipc {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class Groups : public testing::Test {
 protected:
  ~Groups() override { fs::remove_all(root); }
  static std::string make_root() {
    std::string pattern = "/tmp/charter-groups-XXXXXX";
    return fs::canonical(::mkdtemp(pattern.data())).string();
  }
  void file(const std::string& name, const std::string& text = {}) const {
    fs::create_directories(fs::path(root + "/" + name).parent_path());
    std::ofstream(root + "/" + name) << text;
  }
  [[nodiscard]] std::string text_of(const std::string& name) const {
    std::ostringstream text;
    text << std::ifstream(root + "/" + name).rdbuf();
    return text.str();
  }
  std::string root = make_root();
};

TEST_F(Groups, OfVersion2AreOneDirectory) {
  for (const char* name :
       {"memory.max", "memory.swap.max", "pids.max", "cpu.max", "cgroup.procs"}) {
    file(std::string("run/") + name);
  }
  const std::string run = root + "/run";
  const RunLimits limits{512U << 20, 200, 150, run, run, run, run};
  EXPECT_THAT(limits.groups(), ElementsAre(run));
  ASSERT_TRUE(make_groups(limits));
  EXPECT_EQ(text_of("run/memory.max"), "536870912");
  EXPECT_EQ(text_of("run/memory.swap.max"), "0");
  EXPECT_EQ(text_of("run/pids.max"), "200");
  EXPECT_EQ(text_of("run/cpu.max"), "150000 100000");
  ASSERT_TRUE(enter_groups(limits, 0));
  EXPECT_EQ(text_of("run/cgroup.procs"), "0");
  lift_cpu_limit(limits);
  EXPECT_THAT(text_of("run/cpu.max"), testing::StartsWith("max"));
}

TEST_F(Groups, OfVersion1HaveADirectoryEach) {
  for (const char* name :
       {"memory.limit_in_bytes", "memory.memsw.limit_in_bytes", "cgroup.procs"}) {
    file(std::string("memory/") + name);
  }
  for (const char* name : {"cpu.cfs_period_us", "cpu.cfs_quota_us", "cgroup.procs"}) {
    file(std::string("cpu/") + name);
  }
  RunLimits limits{64U << 20, 0, 50, root + "/memory", "", root + "/cpu", ""};
  ASSERT_TRUE(make_groups(limits));
  EXPECT_EQ(text_of("memory/memory.limit_in_bytes"), "67108864");
  EXPECT_EQ(text_of("memory/memory.memsw.limit_in_bytes"), "67108864");
  EXPECT_EQ(text_of("cpu/cpu.cfs_quota_us"), "50000");
  ASSERT_TRUE(enter_groups(limits, 4711));
  EXPECT_EQ(text_of("cpu/cgroup.procs"), "4711");
  file("cpu/tasks");
  file("memory/tasks");
  ASSERT_TRUE(enter_groups(limits, 0));
  EXPECT_EQ(text_of("cpu/tasks"), "0") << "a thread that moves itself need not wait";
  EXPECT_EQ(text_of("cpu/cgroup.procs"), "4711");
  lift_cpu_limit(limits);
  EXPECT_THAT(text_of("cpu/cpu.cfs_quota_us"), testing::StartsWith("-1"));
}

TEST_F(Groups, ThatLackTheControllerAreAnErrorThatNamesIt) {
  const RunLimits limits{0, 20, 0, "", root + "/run", "", ""};
  const auto made = make_groups(limits);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message(), HasSubstr("run/pids.max"));
  EXPECT_TRUE(remove_groups(limits.groups(), 0));
  EXPECT_FALSE(fs::exists(root + "/run"));
}

TEST_F(Groups, CountWhatTheKernelDidInEitherVersion) {
  file("v2/memory.events", "low 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n");
  file("v2/memory.peak", "1048576\n");
  file("v2/pids.events", "max 5\n");
  const std::string second = root + "/v2";
  const auto counts = count_groups({1U << 20, 20, 0, second, second, "", ""});
  EXPECT_EQ(counts.memory_kills, 2U);
  EXPECT_EQ(counts.memory_peak, 1U << 20);
  EXPECT_EQ(counts.pids_refused, 5U);
  file("v1/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 4\n");
  file("v1/memory.max_usage_in_bytes", "2097152\n");
  const auto first = count_groups({1U << 20, 0, 0, root + "/v1", "", "", ""});
  EXPECT_EQ(first.memory_kills, 4U);
  EXPECT_EQ(first.memory_peak, 2U << 20);
  EXPECT_EQ(count_groups({}).memory_kills, 0U);
}

TEST_F(Groups, InWhichSomethingIsLeftStay) {
  file("run/left");
  EXPECT_FALSE(remove_groups({root + "/run"}, 0));
  EXPECT_TRUE(remove_groups({root + "/none"}, 0));
}

}  // namespace
}  // namespace charter::ipc
