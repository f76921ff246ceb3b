// What another hand, or any step, has put in the place of a file of the project: opening a pipe
// waits for its other end, and neither the daemon nor a worker may.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

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
  void pause_run(const std::string& id) {
    ASSERT_EQ(charter({"run", "ask", "--run-id", id}).code, kFine);
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), id, "paused"));
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

// As where the file is missing: what the run has come to is not known any more, and it ends.
TEST_F(OddFiles, PipeInPlaceOfAPausedRunsStateFileHoldsUpNoWorker) {
  pause_run("r1");
  put_pipe(scene.project.state_file("r1"));
  EXPECT_EQ(charter({"resume", "r1", "--approve"}).code, kFine);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_THAT(text_of(scene.gateway.events("r1").back(), "error"),
              StartsWith("worker died: three times"));
  EXPECT_TRUE(eventually(kSoon, [this] { return scene.project.processes_of("r1").empty(); }));
  EXPECT_THAT(read_file(scene.project / ".charter/daemon/workers.log"),
              HasSubstr("r1.json: not a regular file"));
}

// The name is known to every step of the run.
TEST_F(OddFiles, PipeInPlaceOfAKillsNoteHoldsUpNobody) {
  scene.project.add_workflow("wait", shell_step("pipe",
                                                "mkfifo ${CHARTER_RUN_JOURNAL%.cj}.kill.new\n"
                                                "sleep 1000"));
  ASSERT_EQ(charter({"run", "wait", "--run-id", "r1"}).code, kFine);
  const auto pipe = scene.project / ".charter/daemon/journals/r1.kill.new";
  ASSERT_TRUE(eventually(kSoon, [&] { return exists(pipe); })) << pipe;
  EXPECT_EQ(charter({"kill", "r1", "--note", "enough", "--grace", "0"}).code, kFine);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_THAT(text_of(scene.gateway.events("r1").back(), "note"), StartsWith("enough"));
}

// A step's large output is put into a file of its own, whose number is the next of an event.
TEST_F(OddFiles, PipeInPlaceOfALargeOutputHoldsUpNoWorker) {
  scene.project.add_workflow(
      "large", shell_step("pipe",
                          "blobs=${CHARTER_RUN_JOURNAL%.cj}.blobs\nmkdir -p $blobs\n"
                          "for n in 1 2 3 4 5 6 7 8 9; do mkfifo $blobs/$n.json; done") +
                   shell_step("large", "head -c 2000000 /dev/zero | tr '\\0' x",
                              "outputs: {stdout: string}"));
  ASSERT_EQ(charter({"run", "large", "--run-id", "r1"}).code, kFine);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  EXPECT_THAT(text_of(scene.gateway.events("r1").back(), "error"), HasSubstr(".json: "));
}

}  // namespace
}  // namespace charter::tests
