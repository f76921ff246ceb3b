// By what means limits are kept, found in trees of plain directories that look like control groups.
#include "supervisor/run_limits.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/files.h"

namespace charter::supervisor {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr const char* kHybridMounts =
    "31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n"
    "35 31 0:32 /docker/a\\040b /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
    "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";

TEST(GroupTree, IsReadFromMountsAndOwnGroups) {
  const auto tree = read_group_tree(
      kHybridMounts, "4:memory:/docker/a b/run\n3:cpuset:/\n1:cpu,cpuacct:/x\n0::/\n");
  EXPECT_EQ(tree.unified, "/sys/fs/cgroup/unified");
  EXPECT_EQ(tree.first.at("memory"), "/sys/fs/cgroup/memory/run");
  EXPECT_EQ(tree.first.at("cpu"), "/sys/fs/cgroup/cpu,cpuacct/x");
  EXPECT_FALSE(tree.first.contains("cpuset"));  // not mounted
}

TEST(GroupTree, OfAGroupThatTheMountDoesNotShowIsEmpty) {
  const auto tree = read_group_tree(kHybridMounts, "4:memory:/elsewhere\n");
  EXPECT_FALSE(tree.first.contains("memory"));
  EXPECT_EQ(tree.unified, "");
  EXPECT_EQ(read_group_tree("", "").unified, "");
}

class RunLimitsOf : public testing::Test {
 protected:
  RunLimitsOf() { fs::create_directories(root + "/project/.charter/daemon/journals"); }

  void file(const std::string& name, const std::string& text) const {
    tests::write_file(root + "/" + name, text);
  }
  [[nodiscard]] std::string text_of(const std::string& name) const {
    return tests::read_file(root + "/" + name);
  }
  // A group that was delegated: with all controllers, and something in which to move.
  void delegated_group() {
    file("v2/cgroup.controllers", "cpuset cpu memory pids\n");
    file("v2/cgroup.subtree_control", "");
    file("v2/cgroup.type", "domain\n");
    file("v2/charter-daemon/cgroup.procs", "");
    tree.unified = root + "/v2";
  }
  RunLimits limits(const RunLimits::Wanted& wanted) {
    return RunLimits(
        layout, wanted, [this] { return tree; },
        [this](const ipc::RunLimits& one) -> ipc::Result<void> {
          for (const auto& group : one.groups()) {
            if (group.starts_with(root + "/" + refused)) {
              return ipc::plain_error("make " + group + ": refused");
            }
          }
          return {};
        });
  }

  const tests::TempDir directory{"charter-groups"};
  const std::string root = fs::canonical(directory.path()).string();
  ipc::Layout layout{root + "/project"};
  GroupTree tree;
  std::string refused = "nothing";
};

TEST_F(RunLimitsOf, NothingAsksForNothing) {
  tree.unified = root + "/none";
  const RunLimits none(layout, {}, [this]() -> GroupTree {
    ADD_FAILURE() << "looked";
    return tree;
  });
  EXPECT_TRUE(none.of("r", 1).groups().empty());
  EXPECT_EQ(none.json({0, 5, 0}), R"({"run_time_max_ms":null,"memory":null,"pids":null,"cpu":null,)"
                                  R"("step_output_max":5,"run_log_max":0})");
  EXPECT_THAT(none.warnings(), IsEmpty());
}

TEST_F(RunLimitsOf, ADelegatedGroupOfVersion2GoesFirst) {
  if (::access("/run/systemd/system", F_OK) == 0) GTEST_SKIP() << "delegation needs systemd's mark";
  delegated_group();
  tree.first["memory"] = root + "/v1";
  const auto found = limits({512U << 20, 200, 150});
  EXPECT_EQ(found.memory().means, "cgroup v2");
  EXPECT_EQ(found.pids().means, "cgroup v2");
  EXPECT_EQ(found.cpu().means, "cgroup v2");
  EXPECT_EQ(text_of("v2/charter-daemon/cgroup.procs"), "0") << "the daemon did not leave its group";
  EXPECT_THAT(text_of("v2/cgroup.subtree_control"), StartsWith("+"));
  const auto run = found.of("r1", 3);
  EXPECT_THAT(run.groups(),
              ElementsAre(AllOf(StartsWith(root + "/v2/charter-"), HasSubstr("-r1-3"))));
  EXPECT_EQ(run.kill_group, run.memory_group);
  EXPECT_THAT(found.warnings(), IsEmpty());
}

TEST_F(RunLimitsOf, ADaemonThatIsInItsLeafAlreadyUsesTheGroupAbove) {
  if (::access("/run/systemd/system", F_OK) == 0) GTEST_SKIP() << "delegation needs systemd's mark";
  delegated_group();
  file("v2/cgroup.subtree_control", "cpu memory pids\n");
  tree.unified = root + "/v2/charter-daemon";
  EXPECT_EQ(limits({0, 200, 0}).pids().base, root + "/v2");
  EXPECT_EQ(text_of("v2/charter-daemon/cgroup.procs"), "");
}

TEST_F(RunLimitsOf, EachLimitHasItsOwnMeans) {
  file("v2/cgroup.controllers", "\n");
  tree.unified = root + "/v2";
  tree.first["pids"] = root + "/v1-pids";
  tree.first["memory"] = root + "/v1-memory";
  refused = "v1-memory";
  const auto found = limits({64U << 20, 20, 50});
  EXPECT_EQ(found.pids().means, "cgroup v1");
  EXPECT_EQ(found.memory().means, "rlimit");
  EXPECT_EQ(found.cpu().means, "");
  EXPECT_THAT(found.json({1500, 0, 0}),
              AllOf(HasSubstr(R"("run_time_max_ms":1500)"),
                    HasSubstr(R"("max":50,"in_force":false,"means":null)")));
  EXPECT_THAT(found.warnings(),
              ElementsAre(AllOf(StartsWith("--run-memory-max is in force by rlimit only"),
                                HasSubstr("refused")),
                          AllOf(StartsWith("--run-cpu-max is NOT in force: cgroup v2: it has no "
                                           "controller 'cpu' here; cgroup v1: it has no"))));
  const auto run = found.of("r1", 1);
  EXPECT_EQ(run.kill_group, "") << "no limit needs the group, and entering it takes a while";
  EXPECT_TRUE(run.memory_by_process());
  EXPECT_EQ(run.cpu, 0U) << "a worker must not try what is not in force";
}

TEST_F(RunLimitsOf, TwoProjectsNeverMeet) {
  tree.first["pids"] = root + "/v1-pids";
  const ipc::Layout other(root + "/other");
  const RunLimits theirs(
      other, {0, 20, 0}, [this] { return tree; },
      [](const ipc::RunLimits&) { return ipc::Result<void>(); });
  EXPECT_NE(limits({0, 20, 0}).of("r1", 1).pids_group, theirs.of("r1", 1).pids_group);
}

TEST_F(RunLimitsOf, DeadRunsAreSweptAndOthersLeft) {
  tree.first["pids"] = root + "/v1-pids";
  const auto found = limits({0, 20, 0});
  const std::string dead = found.of("dead", 1).pids_group;
  fs::create_directories(dead);
  fs::create_directories(root + "/v1-pids/charter-0000000000000000-dead-1");
  EXPECT_THAT(found.sweep(0), IsEmpty());
  EXPECT_FALSE(fs::exists(dead));
  EXPECT_TRUE(fs::exists(root + "/v1-pids/charter-0000000000000000-dead-1"));
  // A later daemon in another group still knows where the one before made them.
  fs::create_directories(dead);
  tree.first["pids"] = root + "/moved";
  EXPECT_THAT(limits({0, 20, 0}).sweep(0), IsEmpty());
  EXPECT_FALSE(fs::exists(dead));
  // What cannot be removed is told.
  fs::create_directories(dead + "/below");
  EXPECT_THAT(found.sweep(0), ElementsAre(dead));
}

}  // namespace
}  // namespace charter::supervisor
