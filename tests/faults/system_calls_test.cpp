// The supervisor dies before any of its system calls, or one fails: what was accepted still ends
// once, in order, with every step done once.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string_view>

#include "tests/support/injection.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

// The nth call of each thread. In the sample the distances grow; a scene has some hundred calls.
std::vector<int> places(bool every) {
  if (!every) return {1, 2, 3, 5, 9, 17, 40};
  std::vector<int> all;
  for (int n = 1; n <= 60; ++n) all.push_back(n);
  return all;
}

class Scene {
 public:
  Scene() {
    DaemonOptions options;
    options.arguments = {"--max-runs", "1"};  // so that some wait, and get a state file of ours
    started_.emplace(options);
    // Once it answers, all of its threads are there.
    EXPECT_FALSE(control(started_->daemon.socket(), "ping").empty());
    std::string steps;
    for (const char* id : {"a", "b"}) {
      steps += shell_step(id, std::string("echo ") + id + " >> \"$log\"", "inputs: {log: log}");
    }
    started_->project.add_workflow("short", steps);
    started_->project.add_workflow("slow", shell_step("z", "sleep 0.05") + steps);
    started_->project.add_workflow(
        "gated", gate_step("gate") + shell_step("a", "echo a >> \"$log\"", "inputs: {log: log}"));
  }
  Started& operator*() { return *started_; }
  Started* operator->() { return &*started_; }

  std::string log(const std::string& run) const { return started_->project.scratch(run); }

  // What clients do meanwhile: hand off, wait for a gate, approve. Whatever is refused or never
  // answered is no failure here.
  void drive() {
    for (const char* run : {"r0", "r1", "r2"}) {
      const char* workflow = accepted_.empty() ? "slow" : "short";
      if (started_->run(run, workflow, {{"log", log(run)}}).ok) accepted_.push_back(run);
    }
    if (started_->run("g", "gated", {{"log", log("g")}}).ok) accepted_.push_back("g");
    approve();
    for (const std::string& run : accepted_) (void)ended(run, milliseconds(1500));
  }
  void approve() {
    (void)eventually(milliseconds(1500), [this] {
      const auto state = text_of(run_view(started_->daemon.socket(), "g"), "state");
      return state == "paused" || state == "finished" || !started_->daemon.running();
    });
    (void)control(started_->daemon.socket(), "resume", {{"run_id", "g"}, {"approved", true}},
                  milliseconds(1500));
  }
  bool ended(const std::string& run, milliseconds limit) {
    return eventually(limit, [&] {
      return !started_->daemon.running() ||
             !started_->gateway.wait_for_end(run, milliseconds(0)).empty();
    });
  }

  // Everything that was answered with yes, and whatever else begun, ends well and once.
  void expect_all_done() {
    for (const char* run : {"r0", "r1", "r2", "g"}) {
      const bool was_accepted =
          std::find(accepted_.begin(), accepted_.end(), run) != accepted_.end();
      const bool is_known = !run_view(started_->daemon.socket(), run).empty();
      ASSERT_TRUE(is_known || !was_accepted) << run << " was accepted and is lost";
      if (!is_known) continue;
      if (std::string_view(run) == "g") approve();
      ASSERT_EQ(started_->gateway.wait_for_end(run), "RunCompleteEvent") << run;
      EXPECT_EQ(started_->gateway.order_faults(run), "") << run;
      const std::vector<std::string> steps = std::string_view(run) == "g"
                                                 ? std::vector<std::string>{"a"}
                                                 : std::vector<std::string>{"a", "b"};
      EXPECT_EQ(lines_of(log(run)), steps) << run;
    }
  }

 private:
  std::optional<Started> started_;
  std::vector<std::string> accepted_;
};

class Calls : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    if (!Injection::possible()) GTEST_SKIP() << "strace is not installed";
  }

  void kill_at_each(bool every) {
    int deaths = 0;
    for (const int n : places(every)) {
      SCOPED_TRACE("killed at call " + std::to_string(n));
      Scene scene;
      {
        const Injection injection(scene->daemon.pid(), GetParam(), "signal=SIGKILL",
                                  std::to_string(n));
        scene.drive();
      }
      if (!scene->daemon.running()) {
        ++deaths;
        scene->daemon.start();
      }
      scene.expect_all_done();
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
    RecordProperty("deaths", deaths);
    EXPECT_GT(deaths, 0) << "the daemon never made this call";
  }

  // The daemon lives, says what is wrong, and is as good as new once the fault is over.
  void fail_at_each(bool every, const char* error) {
    for (const int n : places(every)) {
      SCOPED_TRACE(std::string(error) + " at call " + std::to_string(n));
      Scene scene;
      {
        const Injection injection(scene->daemon.pid(), GetParam(), std::string("error=") + error,
                                  std::to_string(n));
        scene.drive();
      }
      ASSERT_TRUE(scene->daemon.running()) << scene->daemon.log();
      scene.expect_all_done();
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
  }
};

class KilledAt : public Calls {};
class FailedAt : public Calls {};

TEST_P(KilledAt, SampleOfCalls) { kill_at_each(false); }
TEST_P(KilledAt, EveryCall) { kill_at_each(true); }
TEST_P(FailedAt, SampleOfCallsWithEio) { fail_at_each(false, "EIO"); }
TEST_P(FailedAt, SampleOfCallsWithEnospc) { fail_at_each(false, "ENOSPC"); }
TEST_P(FailedAt, EveryCallWithEio) { fail_at_each(true, "EIO"); }
TEST_P(FailedAt, EveryCallWithEnospc) { fail_at_each(true, "ENOSPC"); }

std::string name_of(const ::testing::TestParamInfo<const char*>& info) { return info.param; }

INSTANTIATE_TEST_SUITE_P(Supervisor, KilledAt,
                         ::testing::Values("pwrite64", "pwritev", "write", "fdatasync", "fsync",
                                           "openat", "renameat2", "vfork", "pidfd_open",
                                           "memfd_create", "sendmsg", "sendto", "accept4"),
                         name_of);

INSTANTIATE_TEST_SUITE_P(Supervisor, FailedAt,
                         ::testing::Values("pwrite64", "pwritev", "write", "fdatasync", "fsync",
                                           "openat", "renameat2", "pread64", "read", "newfstatat",
                                           "getdents64", "fcntl"),
                         name_of);

}  // namespace
}  // namespace charter::tests
