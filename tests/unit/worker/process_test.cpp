// Processes: how they begin, how they are found, how they end.
#include <gmock/gmock.h>

#include "tests/unit/worker/driver.h"
#include "worker/kill.h"
#include "worker/process_tree.h"
#include "worker/spawn.h"

namespace charter::worker::testing {
namespace {

std::variant<pid_t, SpawnFailure> spawn_shell(const std::string& command, int output) {
  SpawnRequest request;
  request.candidates = {"/bin/sh"};
  request.arguments = {"sh", "-c", command};
  request.environment = {"PATH=/usr/bin:/bin"};
  request.output = output;
  request.errors = output;
  return spawn(request);
}

// This process as a subreaper with SIGCHLD blocked, as engine and guardian are.
class Processes : public ::testing::Test {
 protected:
  void SetUp() override {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    ::sigprocmask(SIG_BLOCK, &child, &before_);
  }
  void TearDown() override {
    EXPECT_TRUE(kill_tree(reaper_).gone);
    ::sigprocmask(SIG_SETMASK, &before_, nullptr);
  }
  pid_t start(const std::string& command) {
    const ipc::UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
    const auto spawned = spawn_shell(command, null.get());
    EXPECT_TRUE(std::holds_alternative<pid_t>(spawned));
    return std::get<pid_t>(spawned);
  }

  Reaper reaper_;
  sigset_t before_{};
};

TEST_F(Processes, ThatCannotBeginSayAtWhichStageAndWhy) {
  SpawnRequest request;
  request.arguments = {"x"};
  const ipc::UniqueFd out(::fcntl(2, F_DUPFD_CLOEXEC, 3));
  request.output = request.errors = out.get();
  request.candidates = {"/nowhere/a", "/etc/passwd", "/nowhere/b"};
  const auto failure = std::get<SpawnFailure>(spawn(request));
  EXPECT_EQ(failure.stage, SpawnFailure::Stage::exec);
  EXPECT_EQ(failure.code, EACCES) << "what is there and cannot be executed tells more";
  EXPECT_EQ(describe(failure, "it's"), "[Errno 13] Permission denied: \"it's\"");
  EXPECT_TRUE(eventually([&] { return !reaper_.reap(); })) << "the failed child is reaped";
}

TEST_F(Processes, AreFoundAcrossSessionsAndOrphans) {
  const Project project;
  (void)start("cd " + project.root() +
              "; setsid sh -c 'sleep 600 & touch a; wait' & "
              "(setsid sleep 600 & touch b) ; until test -e a; do :; done; touch c; sleep 600");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(project.path("c")); }));
  ProcessTree tree;
  EXPECT_TRUE(eventually([&] {
    (void)tree.look();
    return tree.prune() >= 5;
  }));
  EXPECT_EQ(tree.look(), 0U) << "nothing is found twice";
}

TEST_F(Processes, SparedAreLeftAloneWithTheirChildren) {
  const pid_t spared = start("sleep 600 & wait");
  ASSERT_TRUE(eventually([&] { return children_of(spared).size() == 1; }));
  const pid_t other = start("trap '' TERM; sleep 600");
  const auto spare = [spared](pid_t pid) { return pid == spared; };
  reaper_.watch(other);
  EXPECT_TRUE(kill_tree(reaper_, spare).gone);
  EXPECT_TRUE(eventually([&] {
    (void)reaper_.reap();
    return reaper_.status().has_value();
  }));
  EXPECT_EQ(::kill(spared, 0), 0);
  EXPECT_EQ(children_of(spared).size(), 1U);
}

TEST_F(Processes, ThatForkFasterThanTheyAreFoundEndAllTheSame) {
  const Project project;
  (void)start("cd " + project.root() +
              "; "
              "for i in 1 2 3 4 5 6 7 8; do setsid sh -c 'while :; do sleep 0.01 & done' & done; "
              "touch b; wait");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(project.path("b")); }));
  EXPECT_TRUE(kill_tree(reaper_).gone);
  EXPECT_TRUE(childless());
}

// This thread's alone: how long it takes depends on what else wants the processors.
std::int64_t processor_time_us() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return used.tv_sec * 1'000'000 + used.tv_nsec / 1000;
}

TEST_F(Processes, ThatForkFasterThanTheyAreFoundAreToldToEndAllTheSame) {
  const Project project;
  (void)start("cd " + project.root() +
              "; trap '' TERM; for i in $(seq 400); do sleep 600 & done; "
              "for i in 1 2 3; do (while :; do sh -c :; done) & done; touch b; wait");
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(project.path("b")); }));
  ProcessTree tree;
  const std::int64_t begun = processor_time_us();
  (void)tree.look();
  const std::int64_t looked = processor_time_us();
  terminate_tree();
  EXPECT_LT(processor_time_us() - looked, 10 * (looked - begun));
}

TEST_F(Processes, WhoseMainThreadHasEndedStillCount) {
  // The leader of its threads is a zombie then, the process is not.
  const Project project;
  const pid_t pid = ::fork();
  if (pid == 0) {
    std::thread([] { ::pause(); }).detach();
    ::syscall(SYS_exit, 0);
  }
  ASSERT_TRUE(eventually([&] {
    return read_text("/proc/" + std::to_string(pid) + "/stat").find(") Z ") != std::string::npos;
  }));
  ProcessTree tree;
  EXPECT_EQ(tree.look(), 1U);
}

}  // namespace
}  // namespace charter::worker::testing
