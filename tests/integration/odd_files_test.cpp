// What another hand, or any step, has put in the place of a file of the project: opening a pipe
// waits for its other end, and neither the daemon nor a worker may.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

enum Exit { kFine, kRunFailed, kUsage, kNoDaemon, kUnknownRun, kRefused };

class OddFiles : public ::testing::Test {
 protected:
  OddFiles() { scene.project.add_workflow("ask", gate_step("gate") + shell_step("after", "true")); }
  Finished charter(std::vector<std::string> arguments) const {
    return charter_daemon(scene.project, std::move(arguments));
  }
  static void put_pipe(const std::string& path) {
    ::unlink(path.c_str());
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0) << path;
  }

  Started scene;
};

TEST_F(OddFiles, PipeAmongTheStateFilesHoldsUpNobody) {
  put_pipe(scene.project.state_file("f"));
  EXPECT_EQ(charter({"resume", "f", "--approve"}).code, kUnknownRun);
  EXPECT_EQ(charter({"kill", "f"}).code, kUnknownRun);
  EXPECT_EQ(charter({"status", "f"}).code, kUnknownRun);
  EXPECT_EQ(charter({"list"}).code, kFine);
  ASSERT_EQ(charter({"run", "ask", "--run-id", "r1"}).code, kFine);
}

}  // namespace
}  // namespace charter::tests
