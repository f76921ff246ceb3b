// Key-value steps and the store they share.
#include <gmock/gmock.h>

#include "tests/unit/worker/driver.h"

namespace charter::worker::testing {
namespace {

using ::testing::HasSubstr;

std::string set(const std::string& id, const std::string& key, const std::string& value) {
  return R"({"id": ")" + id + R"(", "type": "state", "action": "set", "key": ")" + key +
         R"(", "inputs": {"value": )" + value + "}}";
}

std::string get(const std::string& id, const std::string& key, const std::string& type,
                const std::string& fallback = "null") {
  return R"({"id": ")" + id + R"(", "type": "state", "action": "get", "key": ")" + key +
         R"(", "default": )" + fallback + R"(, "outputs": {")" + id + R"(_out": ")" + type + "\"}}";
}

TEST(StateSteps, SetAndGetThroughTheProjectsFile) {
  const Project project;
  write_text(project.layout().kv_file(), R"({"old": [1, 2.0]})");
  const auto frames = run_to_end(
      project, project.job("r1", "[" + set("a", "k", R"({"value": {"x": "Zoë"}})") + "," +
                                     get("b", "k", "object") + "," + get("c", "old", "array") +
                                     "," + get("d", "none", "string", "\"fallback\"") + "]"));
  EXPECT_EQ(kinds(frames),
            "StepStart StepComplete StepStart StepComplete StepStart StepComplete StepStart "
            "StepComplete RunComplete");
  EXPECT_THAT(last_event(frames, "StepComplete"), HasSubstr(R"("d_out":"fallback")"));
  EXPECT_EQ(read_text(project.layout().kv_file()), R"({"old": [1, 2.0], "k": {"x": "Zo\u00eb"}})")
      << "one line, in Python's default form";
  EXPECT_EQ(dump(*project.state("r1").as_object().find("outputs")->as_object().find("b")),
            R"({"b_out": {"x": "Zo\u00eb"}})");
}

TEST(StateSteps, AreRecordedInOneAppendBehindThePublishedFile) {
  const Project project;
  std::string steps;
  for (int at = 0; at < 50; ++at) {
    steps += (at == 0 ? "" : ",") + set("s" + std::to_string(at), "k", std::to_string(at));
  }
  const auto frames = run_to_end(project, project.job("r1", "[" + steps + "]"));
  EXPECT_EQ(bodies<ipc::Checkpoint>(frames).size(), 50U);
  EXPECT_EQ(read_text(project.layout().kv_file()), R"({"k": 49})");
}

TEST(StateSteps, AWrongTypeFailsTheStepAndKeepsWhatWasSetBefore) {
  const Project project;
  const auto frames = run_to_end(
      project, project.job("r1", "[" + set("a", "k", "1") + "," + get("b", "k", "string") + "," +
                                     set("c", "k", "2") + "]"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete StepStart StepFailed RunFailed");
  EXPECT_THAT(last_event(frames, "RunFailed"),
              HasSubstr("Step 'b': output 'b_out' expected type 'string' but got 'number'"));
  EXPECT_EQ(read_text(project.layout().kv_file()), R"({"k": 1})");
}

TEST(StateSteps, AFileThatCannotBeReplacedFailsTheFirstStepThatSets) {
  const Project project;
  std::filesystem::create_directory(project.layout().kv_lock());
  const auto frames = run_to_end(
      project, project.job("r1", "[" + get("a", "k", "number", "1") + "," + set("b", "k", "1") +
                                     "," + set("c", "k", "2") + "]"));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete StepStart StepFailed RunFailed");
  EXPECT_THAT(last_event(frames, "StepFailed"), HasSubstr(R"("step_id":"b")"));
  EXPECT_EQ(project.state("r1").as_object().find("outputs")->as_object().size(), 1U);
}

TEST(StateSteps, NoUpdateOfRunsSideBySideIsLost) {
  const Project project;
  constexpr int kRuns = 8;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int run = 0; run < kRuns; ++run) {
    std::string steps;
    for (int at = 0; at < 20; ++at) {
      const std::string id = std::to_string(run) + "_" + std::to_string(at);
      steps += (at == 0 ? "" : ",") + set("s" + id, "k" + id, "1");
      if (at % 5 == 4) steps += R"(,{"id": "t)" + id + R"(", "type": "shell", "run": "true"})";
    }
    workers.push_back(std::make_unique<Worker>(
        project, project.job("r" + std::to_string(run), "[" + steps + "]")));
  }
  for (const auto& worker : workers) EXPECT_EQ(worker->wait(), 0);
  EXPECT_EQ(json(read_text(project.layout().kv_file())).as_object().size(), 20U * kRuns);
}

TEST(StateSteps, CostPerStepDoesNotGrowWithTheRun) {
  const Project project;
  constexpr int kSteps = 2000;
  std::string steps;
  for (int at = 0; at < kSteps; ++at) {
    const std::string id = "s" + std::to_string(at);
    steps += (at == 0 ? "" : ",") + set(id, "k" + std::to_string(at % 50), std::to_string(at));
  }
  const auto job = project.job("r1", "[" + steps + "]");
  const auto begun = std::chrono::steady_clock::now();
  const auto frames = run_to_end(project, job);
  const auto took = std::chrono::steady_clock::now() - begun;
  EXPECT_EQ(bodies<ipc::Checkpoint>(frames).size(), static_cast<std::size_t>(kSteps));
  EXPECT_LT(took, kLong);
  RecordProperty("steps_per_second",
                 static_cast<int>(kSteps / std::chrono::duration<double>(took).count()));
}

}  // namespace
}  // namespace charter::worker::testing
