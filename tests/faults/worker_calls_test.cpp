// A system call fails in a worker, its engine or its guardian, and in the daemon beside it: the run
// ends all the same, once, says the truth, and did no step twice; and once the fault is over all of
// it is as if there had been none, without a restart.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

#include "tests/support/files.h"
#include "tests/support/injection.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

const std::string kKill = "signal=SIGKILL";
constexpr milliseconds kMeanwhile{1500};  // for what a fault may keep from ever happening

class Scene {
 public:
  Scene() {
    // Once it answers, all of its threads are there.
    EXPECT_FALSE(control(started_.daemon.socket(), "ping").empty());
    std::string steps;
    for (const std::string& id : kSteps) {
      steps += shell_step(id, "echo " + id + " >> \"$log\"", "inputs: {log: log}");
    }
    started_.project.add_workflow("plain", steps);
    started_.project.add_workflow("gated", gate_step("gate") + steps);
  }
  Started* operator->() { return &started_; }

  void drive() {
    for (const char* run : {"plain", "gated"}) {
      if (started_.run(run, run, {{"log", log(run)}}).ok) accepted_.emplace_back(run);
    }
    approve();
    for (const std::string& run : accepted_) {
      (void)eventually(
          kMeanwhile, [&] { return !started_.gateway.wait_for_end(run, milliseconds(0)).empty(); });
    }
  }
  void expect_all_over() {
    approve();
    for (const std::string& run : accepted_) expect_over(run);
  }

 private:
  const std::vector<std::string> kSteps{"a", "b"};

  std::string log(const std::string& run) const { return started_.project.scratch(run); }
  std::string state(const std::string& run) {
    return text_of(run_view(started_.daemon.socket(), run), "state");
  }
  void approve() {
    (void)eventually(kMeanwhile,
                     [this] { return state("gated") == "paused" || state("gated") == "finished"; });
    (void)control(started_.daemon.socket(), "resume", {{"run_id", "gated"}, {"approved", true}},
                  kMeanwhile);
  }
  void expect_over(const std::string& run) {
    const std::string end = started_.gateway.wait_for_end(run);
    ASSERT_THAT(end, AnyOf("RunCompleteEvent", "RunFailedEvent")) << run << started_.daemon.log();
    EXPECT_EQ(started_.gateway.order_faults(run), "") << run;
    const auto done = lines_of(log(run));
    ASSERT_LE(done.size(), kSteps.size()) << run;
    EXPECT_TRUE(std::equal(done.begin(), done.end(), kSteps.begin())) << run;
    const bool well = end == "RunCompleteEvent";
    EXPECT_TRUE(!well || done.size() == kSteps.size()) << run;
    const std::string file = started_.project.state_file(run);
    const std::string status = well ? R"("status": "completed")" : R"("status": "failed")";
    EXPECT_TRUE(
        eventually(kRunTime, [&] { return read_file(file).find(status) != std::string::npos; }))
        << run << " " << status << " " << read_file(file);
    EXPECT_TRUE(eventually(kSoon, [&] { return state(run) == "finished"; })) << run << state(run);
  }

  Started started_;
  std::vector<std::string> accepted_;
};

class WorkerCalls : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!Injection::possible()) GTEST_SKIP() << "strace is not installed";
  }
  // The nth call of each thread, of the daemon's and of every process below it.
  static void fail_at(const std::vector<int>& places, const std::string& fault) {
    for (const int n : places) {
      SCOPED_TRACE(fault + " at call " + std::to_string(n));
      Scene scene;
      {
        const Injection injection(scene->daemon.pid(), GetParam(), fault, std::to_string(n), true);
        scene.drive();
      }
      if (fault == kKill) {
        if (!scene->daemon.running()) scene->daemon.start();
      }
      ASSERT_TRUE(scene->daemon.running()) << scene->daemon.log();
      scene.expect_all_over();
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
  }
  static std::vector<int> every() {
    std::vector<int> all;
    for (int n = 1; n <= 16; ++n) all.push_back(n);
    return all;
  }
};

TEST_P(WorkerCalls, SampleOfCallsWithEio) { fail_at({1, 2, 3, 5}, "error=EIO"); }
TEST_P(WorkerCalls, EveryCallWithEio) { fail_at(every(), "error=EIO"); }
TEST_P(WorkerCalls, SampleOfCallsThatKill) { fail_at({1, 2, 3, 5}, kKill); }
TEST_P(WorkerCalls, EveryCallThatKills) { fail_at(every(), kKill); }

INSTANTIATE_TEST_SUITE_P(Worker, WorkerCalls,
                         ::testing::Values("pwritev", "pwrite64", "ftruncate", "fdatasync", "fsync",
                                           "openat", "renameat2", "linkat", "mkdir", "pread64",
                                           "newfstatat", "getdents64", "fcntl"),
                         [](const auto& each) { return std::string(each.param); });

// The disk takes no state file when the run ends, and its end is told; the daemon dies before the
// disk does again. The next one knows.
TEST(LateStateFile, ShowsTheEndAlsoAfterTheDaemonHasDied) {
  if (!Injection::possible()) GTEST_SKIP() << "strace is not installed";
  Started scene;
  EXPECT_FALSE(control(scene.daemon.socket(), "ping").empty());
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  const std::string file = scene.project.state_file("r");
  {
    const Injection injection(scene.daemon.pid(), "ftruncate", "error=EIO", "1+", true);
    ASSERT_TRUE(scene.run("r", "hello").ok);
    EXPECT_EQ(scene.gateway.wait_for_end("r"), "RunCompleteEvent") << scene.daemon.log();
    EXPECT_TRUE(reaches_state(scene.daemon.socket(), "r", "finished"));
    EXPECT_EQ(read_file(file).find("\"completed\""), std::string::npos) << read_file(file);
    scene.daemon.kill();  // a try that is under way then may succeed
  }
  scene.daemon.start();
  EXPECT_TRUE(eventually(kRunTime, [&] {
    return read_file(file).find(R"("status": "completed")") != std::string::npos;
  })) << read_file(file);
  EXPECT_EQ(scene.gateway.order_faults("r"), "");
}

}  // namespace
}  // namespace charter::tests
