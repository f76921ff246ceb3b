// Outputs that become files: exports, and artifacts kept beside the state file.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include "tests/unit/worker/driver.h"

namespace charter::worker::testing {
namespace {

using ::testing::HasSubstr;

std::string export_step(const std::string& rest) {
  return R"({"id": "e", "type": "export", "input": "o", )" + rest + "}";
}

std::string producing(const std::string& json_text, const std::string& type,
                      const std::string& after) {
  return R"([{"id": "p", "type": "shell", "run": "printf %s \"$V\"", "inputs": {"V": {"value": )" +
         dump(Value(json_text)) + R"(}}, "outputs": {"o": ")" + type + R"("}})" +
         (after.empty() ? "" : ", " + after) + "]";
}

std::string failure_of(const std::string& steps) {
  const Project project;
  const auto frames = run_to_end(project, project.job("r1", steps));
  const Value event = json(last_event(frames, "StepFailed"));
  return event.as_object().find("error")->as_string();
}

mode_t mode_of(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return info.st_mode & 07777U;
}

// The one stored artifact of run r1.
std::string artifact_file(const Project& project) {
  for (const auto& entry :
       std::filesystem::directory_iterator(project.layout().artifacts_dir("r1"))) {
    return entry.path().string();
  }
  return {};
}

TEST(Export, WritesTextAsItIsAndTheRestAsIndentedJson) {
  const Project project;
  const std::string steps =
      producing("h\u00e9llo", "string",
                export_step(R"("path": "out/deep/./a.txt", "outputs": {"path": "string"})") +
                    R"(, {"id": "n", "type": "shell", "run": "echo '{\"k\": [1, \"\u00e9\"]}'", )"
                    R"("outputs": {"j": "object"}}, )"
                    R"({"id": "f", "type": "export", "input": "j", "path": "b.json"})");
  const auto frames = run_to_end(project, project.job("r1", steps));
  EXPECT_EQ(kinds(frames),
            "StepStart StepComplete StepStart StepComplete StepStart StepComplete StepStart "
            "StepComplete RunComplete");
  EXPECT_EQ(read_text(project.path("out/deep/a.txt")), "h\u00e9llo");
  EXPECT_EQ(read_text(project.path("b.json")), "{\n  \"k\": [\n    1,\n    \"\\u00e9\"\n  ]\n}");
  const Value state = project.state("r1");
  const Object& outputs = state.as_object().find("outputs")->as_object();
  EXPECT_EQ(outputs.find("e")->as_object().find("path")->as_string(),
            project.path("out/deep/a.txt"));
  EXPECT_TRUE(outputs.find("f")->as_object().empty());
  const auto intents = bodies<ipc::Intent>(frames);
  ASSERT_EQ(intents.size(), 4U);
  EXPECT_EQ(intents[1].step_type, "export");
}

TEST(Export, NeverLeavesTheProject) {
  const std::string escapes = "escapes the export directory";
  EXPECT_EQ(failure_of(producing("x", "string", export_step(R"("path": "../x")"))),
            "Export step 'e': path '../x' escapes the export directory");
  EXPECT_THAT(failure_of(producing("x", "string", export_step(R"("path": "/tmp/x")"))),
              HasSubstr(escapes));
  for (const char* target : {"/tmp", "/tmp/charter-no-such-place", "../.."}) {
    const std::string link = std::string("ln -s ") + target + " l";
    EXPECT_THAT(failure_of(R"([{"id": "p", "type": "shell", "run": ")" + link +
                           R"(; echo x", "outputs": {"o": "string"}}, )" +
                           export_step(R"("path": "l/x")") + "]"),
                HasSubstr(escapes))
        << target;
  }
}

TEST(Export, FailsInTheWordsOfTheReference) {
  EXPECT_EQ(failure_of("[" + export_step(R"("path": "x")") + "]"),
            "Export step 'e': input 'o' not found in prior outputs");
  EXPECT_EQ(failure_of(producing("[1]", "array",
                                 export_step(R"("path": "x", "content_type": "text/plain")"))),
            "Export step 'e': content_type 'text/plain' requires a string payload, got list");
  EXPECT_THAT(failure_of(producing("x", "string", export_step(R"("path": "charter.yml/x")"))),
              ::testing::MatchesRegex("\\[Errno 17\\] File exists: '/.*/charter.yml'"));
  EXPECT_THAT(failure_of(producing("x", "string", export_step(R"("path": ".charter")"))),
              ::testing::MatchesRegex("\\[Errno 21\\] Is a directory: '/.*/.charter'"));
}

TEST(Artifact, IsStoredInItsEnvelopeAndReplacedByAReference) {
  const Project project;
  const auto frames = run_to_end(
      project, project.job("r1", producing(R"([{"b":"\u00e9","a":1.0}, 2])", "artifact", "")));
  EXPECT_EQ(kinds(frames), "StepStart StepComplete RunComplete");
  const std::string path = artifact_file(project);
  const std::string id = std::filesystem::path(path).stem();
  EXPECT_THAT(id, ::testing::MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-"
                                          "[0-9a-f]{12}"));
  EXPECT_EQ(read_text(path),
            R"({"artifact_id":")" + id +
                R"(","run_id":"r1","step_id":"p","output_name":"o","content_type":)"
                R"("application/json","item_count":2,"byte_size":22,)"
                R"("payload":[{"a":1.0,"b":"é"},2],"name":"o"})");
  EXPECT_EQ(mode_of(path), 0600U);
  EXPECT_EQ(mode_of(project.layout().artifacts_dir("r1")), 0755U & ~022U);
  const std::string reference = R"({"kind":"artifact","artifact_id":")" + id +
                                R"(","content_type":"application/json","item_count":2,)"
                                R"("byte_size":22,"name":"o"})";
  EXPECT_THAT(last_event(frames, "StepComplete"), HasSubstr(R"("outputs":{"o":)" + reference));
  EXPECT_EQ(dump(*project.state("r1").as_object().find("outputs"), kWire),
            R"({"p":{"o":)" + reference + "}}");
}

TEST(Artifact, TakesItsDeclaredNameAndType) {
  const Project project;
  const std::string steps =
      R"([{"id": "p", "type": "shell", "run": "echo hi", "outputs": {"o": {"type": "artifact", )"
      R"("name": "Report", "content_type": "text/markdown"}}}])";
  const auto frames = run_to_end(project, project.job("r1", steps));
  EXPECT_THAT(last_event(frames, "StepComplete"),
              HasSubstr(R"("content_type":"text/markdown","item_count":null,"byte_size":4,)"
                        R"("name":"Report"})"));
  EXPECT_THAT(read_text(artifact_file(project)), HasSubstr(R"("payload":"hi","name":"Report"})"));
}

TEST(Artifact, IsLoadedWhereItIsNamed) {
  const Project project;
  const std::string steps =
      producing(R"({"k": ["deep"]})", "artifact",
                R"({"id": "s", "type": "shell", "run": "echo $A $B", "inputs": {"A": "o.k.0", )"
                R"("B": {"from": "o"}}, "outputs": {"seen": "string"}}, )"
                R"({"id": "t", "type": "state", "action": "set", "key": "kept", )"
                R"("inputs": {"value": {"from": "o"}}}, )" +
                    export_step(R"("path": "o.json")") +
                    R"(, {"id": "g", "type": "gate", "message": "{{ o }}"})");
  const auto frames = run_to_end(project, project.job("r1", steps));
  EXPECT_THAT(last_event(frames, "GatePending"), HasSubstr(R"("message":"{\"k\": [\"deep\"]}")"));
  const Value state = project.state("r1");
  const Object& outputs = state.as_object().find("outputs")->as_object();
  EXPECT_EQ(outputs.find("s")->as_object().find("seen")->as_string(), R"(deep {"k": ["deep"]})");
  EXPECT_EQ(read_text(project.layout().kv_file()), R"({"kept": {"k": ["deep"]}})");
  EXPECT_EQ(read_text(project.path("o.json")), "{\n  \"k\": [\n    \"deep\"\n  ]\n}");
  EXPECT_NE(outputs.find("p")->as_object().find("o")->as_object().find("artifact_id"), nullptr)
      << "the state file keeps the reference";
}

TEST(Artifact, ThatIsGoneFailsTheStepThatNeedsIt) {
  EXPECT_THAT(failure_of(producing(
                  "1", "artifact",
                  R"({"id": "r", "type": "shell", "run": "rm .charter/runs/r1.artifacts/*"}, )"
                  R"({"id": "s", "type": "shell", "run": "true", "inputs": {"A": "o"}})")),
              ::testing::MatchesRegex("Artifact '[0-9a-f-]{36}' was not found"));
}

TEST(Artifact, MustBeJson) {
  EXPECT_EQ(failure_of(producing("NaN", "artifact", "")),
            "Step 'p': output 'o' must be JSON-serializable for artifact storage");
  EXPECT_EQ(failure_of(producing(R"("\ud800")", "artifact", "")),
            "Step 'p': output 'o' must be JSON-serializable for artifact storage");
}

TEST(Artifact, IsNotGuessedFromTheShapeOfAValue) {
  const Project project;
  const std::string reference =
      R"({"kind":"artifact","artifact_id":"../r1","content_type":"x","byte_size":1,"name":"n"})";
  const auto frames = run_to_end(
      project,
      project.job("r1", producing(reference, "object",
                                  R"({"id": "g", "type": "gate", "message": "{{ o }}"})")));
  EXPECT_THAT(last_event(frames, "GatePending"), HasSubstr(R"(\"artifact_id\": \"../r1\")"));
}

}  // namespace
}  // namespace charter::worker::testing
