// What a burst leaves in its output log: whose it is, in which order, and what must not be in it.
#include <gmock/gmock.h>

#include "ipc/output_reader.h"
#include "tests/unit/worker/driver.h"

namespace charter::worker::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const std::string kMark = "<redacted: sensitive>";

class OutputTest : public ::testing::Test {
 protected:
  ipc::Job job(const std::string& steps, const std::string& variables = "{}") {
    ipc::Job job = project_.job("r1", steps, variables);
    job.log_max = ipc::kLeastOutputBytes;
    return job;
  }
  void run(const ipc::Job& what) { (void)run_to_end(project_, what); }

  std::vector<ipc::OutputPiece> pieces() {
    const ipc::Layout layout = project_.layout();
    ipc::OutputReader reader(layout, "r1");
    std::vector<ipc::OutputPiece> found;
    for (;;) {
      auto next = reader.next();
      if (!next || !std::holds_alternative<ipc::OutputPiece>(*next)) return found;
      found.push_back(std::move(std::get<ipc::OutputPiece>(*next)));
    }
  }
  // "step#attempt stream:bytes" of each, neighbours of the same origin in one.
  std::vector<std::string> said() {
    std::vector<std::string> lines;
    std::string before;
    for (const auto& piece : pieces()) {
      const std::string front = piece.step_id + "#" + std::to_string(piece.attempt) + " " +
                                std::to_string(static_cast<int>(piece.stream)) + piece.source + ":";
      if (front != before) lines.push_back(front);
      before = front;
      lines.back() += piece.bytes;
    }
    return lines;
  }
  std::string bytes_on_disk() {
    return read_text(project_.layout().output_segment("r1", 0)) +
           read_text(project_.layout().output_segment("r1", 1));
  }

  Project project_;
};

TEST_F(OutputTest, EachPieceHasStepAttemptAndStream) {
  run(job(
      R"([{"id": "a", "type": "shell",)"
      R"("run": "echo out; sleep 0.1; echo err >&2; test -e again || { touch again; exit 1; }",)"
      R"("retry": {"attempts": 2, "delay_seconds": 0}},)"
      R"({"id": "silent", "type": "shell", "run": "true"},)"
      R"({"id": "b", "type": "shell", "run": "printf end"}])"));
  EXPECT_THAT(said(), ::testing::ElementsAre("a#1 0:out\n", "a#1 1:err\n", "a#2 0:out\n",
                                             "a#2 1:err\n", "b#1 0:end"));
  const auto found = pieces();
  for (std::size_t i = 1; i < found.size(); ++i) EXPECT_GE(found[i].at_us, found[i - 1].at_us);
  EXPECT_NEAR(static_cast<double>(found.back().at_us), static_cast<double>(ipc::now_us()), 60e6);
}

TEST_F(OutputTest, RunThatPrintsNothingHasNoFile) {
  run(job(R"([{"id": "a", "type": "shell", "run": "true"}])"));
  EXPECT_FALSE(std::filesystem::exists(project_.layout().output_segment("r1", 0)));
}

TEST_F(OutputTest, NothingIsKeptWhereNothingMayBe) {
  ipc::Job off = job(R"([{"id": "a", "type": "shell", "run": "echo x"}])");
  off.log_max = 0;
  run(off);
  EXPECT_FALSE(std::filesystem::exists(project_.layout().output_segment("r1", 0)));
}

// Two writes of a step are two reads of the engine, with half of the secret in each.
TEST_F(OutputTest, SensitiveInputIsMaskedAcrossReads) {
  run(job(R"([{"id": "a", "type": "shell",)"
          R"("run": "printf 'the key hunt'; sleep 0.3; echo 'er2 and '$KEY; echo $KEY >&2",)"
          R"("inputs": {"KEY": {"from": "key", "sensitive": true}}}])",
          R"({"key": "hunter2"})"));
  EXPECT_THAT(said(), ::testing::ElementsAre("a#1 0:the key " + kMark + " and " + kMark + "\n",
                                             "a#1 1:" + kMark + "\n"));
  EXPECT_GE(pieces().size(), 3U) << "it came in one piece, so this shows nothing";
  EXPECT_THAT(bytes_on_disk(), Not(HasSubstr("hunter2")));
}

// What becomes a sensitive output is not known to be one while it is printed.
TEST_F(OutputTest, StreamThatBecomesASensitiveOutputIsWithheld) {
  run(job(R"([{"id": "a", "type": "shell", "run": "echo to; sleep 0.1; echo ken; echo fine >&2",)"
          R"("outputs": {"o": {"type": "string", "sensitive": true}}},)"
          R"({"id": "b", "type": "shell", "run": "echo shown; echo hidden >&2",)"
          R"("outputs": {"stderr": {"type": "string", "sensitive": true}}},)"
          R"({"id": "c", "type": "shell", "run": "echo hidden"}])"));
  EXPECT_THAT(said(), ::testing::UnorderedElementsAre("a#1 0:" + kMark + "\n", "a#1 1:fine\n",
                                                      "b#1 0:shown\n", "b#1 1:" + kMark + "\n",
                                                      "c#1 0:" + kMark + "\n"));
  EXPECT_THAT(bytes_on_disk(), Not(HasSubstr("token")));
  EXPECT_THAT(bytes_on_disk(), Not(HasSubstr("ken")));
}

class IntegrationOutput : public OutputTest {
 protected:
  // A command that says on standard error what it is asked, and `more` when it executes.
  ipc::Job with(const std::string& more, const std::string& steps,
                const std::string& environment = "{}") {
    write_text(
        project_.path("i.sh"),
        "while IFS= read -r line; do id=${line#*\\\"id\\\":\\\"}; id=${id%%\\\"*}\n"
        "case $line in *'\"method\":\"setup\"'*) echo setting up >&2;;\n"
        "*'\"method\":\"execute\"'*) " +
            more +
            ";;\n"
            "*) echo leaving >&2;; esac\n"
            "printf '{\"jsonrpc\":\"2.0\",\"id\":\"%s\",\"result\":{\"value\":1}}\\n' \"$id\"\n"
            "done\n");
    ipc::Job what = job(steps);
    const std::string none = "\"resolved_capabilities\": {}";
    what.state.replace(what.state.find(none), none.size(),
                       R"("resolved_capabilities": {"cap": {"kind": "subprocess", "command": )"
                       R"(["/bin/sh", ")" +
                           project_.path("i.sh") +
                           R"("], "env": {},)"
                           R"("env_secret_refs": )" +
                           environment + R"(, "secrets_registry": {}}})");
    return what;
  }
};

TEST_F(IntegrationOutput, StandardErrorIsTheStepsDuringWhichItCame) {
  run(with("echo working >&2", R"([{"id": "a", "type": "step", "uses": "cap"},)"
                               R"({"id": "b", "type": "shell", "run": "echo other"},)"
                               R"({"id": "c", "type": "step", "uses": "cap"}])"));
  EXPECT_THAT(said(),
              ::testing::ElementsAre("#0 2cap:setting up\n", "a#1 2cap:working\n", "b#1 0:other\n",
                                     "c#1 2cap:working\n", "#0 2cap:leaving\n"));
}

// It must not be stopped by a pipe that nobody empties while a shell step executes.
TEST_F(IntegrationOutput, IsReadWhileAnotherStepExecutes) {
  run(
      with("( while [ ! -e go ]; do sleep 0.02; done; head -c 300000 /dev/zero | tr '\\0' x;"
           " touch went ) >&2 & ",
           R"([{"id": "a", "type": "step", "uses": "cap"}, {"id": "b", "type": "shell",)"
           R"("run": "touch go; while [ ! -e went ]; do sleep 0.02; done", "timeout": "20s"}])"));
  EXPECT_EQ(project_.state("r1").as_object().find("status")->as_string(), "completed");
}

TEST_F(IntegrationOutput, ItsSecretsAreMasked) {
  ::setenv("TEST_OUTPUT_SECRET", "s3cr3t-value", 1);
  run(with("printf 'it is s3cr3t-' >&2; sleep 0.2; echo 'value' >&2; echo $TOKEN >&2",
           R"([{"id": "a", "type": "step", "uses": "cap"},)"
           R"({"id": "b", "type": "shell", "run": "echo s3cr3t-value"}])",
           R"({"TOKEN": "env://TEST_OUTPUT_SECRET"})"));
  ::unsetenv("TEST_OUTPUT_SECRET");
  EXPECT_THAT(said(), ::testing::Contains("a#1 2cap:it is " + kMark + "\n" + kMark + "\n"));
  EXPECT_THAT(said(), ::testing::Contains("b#1 0:" + kMark + "\n"));
  EXPECT_THAT(bytes_on_disk(), Not(HasSubstr("s3cr3t-value")));
}

TEST_F(IntegrationOutput, CloggedStandardErrorIsKeptToTheLastByte) {
  ipc::Job what = with("head -c 400000 /dev/zero | tr '\\0' x >&2",
                       R"([{"id": "a", "type": "step", "uses": "cap"}])");
  what.log_max = 4U << 20;
  run(what);
  std::size_t bytes = 0;
  for (const auto& piece : pieces()) bytes += piece.step_id == "a" ? piece.bytes.size() : 0;
  EXPECT_EQ(bytes, 400'000U);
}

// The last words of a step that is ended: by a limit of its own, or with the run.
TEST_F(OutputTest, WhatAStepSaysWhileItIsEndedIsKept) {
  run(job(
      R"([{"id": "a", "type": "shell", "timeout": "1s",)"
      R"("run": "exec 2>/dev/null; trap 'echo last words; exit 1' TERM; echo here; sleep 20 & wait"}])"));
  EXPECT_THAT(said(), ::testing::ElementsAre("a#1 0:here\nlast words\n"));
}

TEST_F(OutputTest, WhatAStepSaysWhileTheRunIsKilledIsKept) {
  ipc::Job what = job(
      R"([{"id": "a", "type": "shell",)"
      R"("run": "exec 2>/dev/null; trap 'echo last words; exit 1' TERM; echo here; touch there; sleep 20 & wait"}])");
  Worker worker(project_, what);
  ASSERT_TRUE(eventually([&] { return std::filesystem::exists(project_.path("there")); }));
  ASSERT_TRUE(ipc::request_kill(worker.process(), 10'000));
  EXPECT_EQ(worker.wait(), 0);
  EXPECT_THAT(said(), ::testing::ElementsAre("a#1 0:here\nlast words\n"));
}

}  // namespace
}  // namespace charter::worker::testing
