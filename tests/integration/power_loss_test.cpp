// What a loss of power may leave, as far as it can be made without one: state files of ended runs
// that never came to the disk, and the boot the daemon had seen last.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

class PowerLoss : public ::testing::Test {
 protected:
  PowerLoss() {
    scene.project.add_workflow("hello",
                               shell_step("greet", "echo hello", "outputs: {stdout: string}"));
    scene.project.add_workflow("bad", shell_step("fall", "exit 3"));
    scene.project.add_workflow("ask", gate_step("gate"));
  }
  void run_to_end(const std::string& run, const std::string& workflow) {
    ASSERT_TRUE(scene.run(run, workflow).ok);
    ASSERT_NE(scene.gateway.wait_for_end(run), "");
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), run, "finished"));
  }
  // The daemon's next start is the first of a boot.
  void boot() const { write_file(scene.project / ".charter/daemon/boot", "an earlier one"); }
  std::string state(const std::string& run) const {
    return read_file(scene.project.state_file(run));
  }
  bool shows(const std::string& run, const std::string& status) const {
    return eventually(kSoon, [&] {
      return state(run).find("\"status\": \"" + status + "\"") != std::string::npos;
    });
  }

  Started scene;
};

TEST_F(PowerLoss, StateFilesOfEndedRunsAreMadeGoodFromTheirJournals) {
  run_to_end("empty", "hello");
  run_to_end("cut", "bad");
  run_to_end("old", "hello");
  run_to_end("gone", "hello");
  const auto whole = boost::json::parse(state("empty")).as_object();
  const auto events = scene.gateway.events("empty").size();
  (void)scene.daemon.stop();
  write_file(scene.project.state_file("empty"), "");
  write_file(scene.project.state_file("cut"), state("cut").substr(0, 100));
  std::string earlier = state("old");
  earlier.replace(earlier.find("completed"), 9, "running");
  write_file(scene.project.state_file("old"), earlier);
  ASSERT_EQ(unlink(scene.project.state_file("gone").c_str()), 0);
  boot();
  scene.daemon.start();
  EXPECT_TRUE(shows("empty", "completed"));
  EXPECT_TRUE(shows("cut", "failed"));
  EXPECT_TRUE(shows("old", "completed"));
  EXPECT_TRUE(shows("gone", "completed"));
  const auto mended = boost::json::parse(state("empty")).as_object();
  EXPECT_EQ(mended.at("outputs"), whole.at("outputs"));
  EXPECT_EQ(mended.at("created_at"), whole.at("created_at"));
  EXPECT_THAT(state("cut"), HasSubstr("exit code 3"));
  EXPECT_EQ(scene.gateway.events("empty").size(), events) << "nothing is told again";
  EXPECT_TRUE(eventually(kSoon, [&] {
    return read_file(scene.project / ".charter/daemon/boot").find("earlier") == std::string::npos;
  }));
}

TEST_F(PowerLoss, OfARunThatIsNotDeliveredYetToo) {
  scene.gateway.kill();
  ASSERT_TRUE(scene.run("r1", "hello").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "finished"));
  scene.daemon.kill();
  write_file(scene.project.state_file("r1"), "");
  boot();
  scene.daemon.start();
  EXPECT_TRUE(shows("r1", "completed"));
  scene.gateway.restart();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST_F(PowerLoss, PausedRunsAreLeftAlone) {
  ASSERT_TRUE(scene.run("r1", "ask").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
  const auto before = state("r1");
  run_to_end("ended", "hello");
  (void)scene.daemon.stop();
  write_file(scene.project.state_file("ended"), "");
  boot();
  scene.daemon.start();
  EXPECT_TRUE(shows("ended", "completed")) << "so this was looked into";
  EXPECT_EQ(state("r1"), before);
  EXPECT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
}

}  // namespace
}  // namespace charter::tests
