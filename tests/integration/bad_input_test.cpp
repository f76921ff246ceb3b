// What the hand-off socket refuses: always with an answer, never at the daemon's expense.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <vector>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::HasSubstr;

// One bad request: `plan` is replaced by the path of a valid plan in the project.
struct BadInput {
  std::string name;
  std::string line;
  std::string reason;  // part of the answer's text
};

void PrintTo(const BadInput& input, std::ostream* out) { *out << input.name; }

std::string request(std::string_view run_id, std::string_view path, std::string_view more = {}) {
  return R"({"type":"start_run","run_id":)" + std::string(run_id) +
         R"(,"workflow_id":"hello","workflow_path":)" + std::string(path) +
         R"(,"variables":{},"capabilities":{},"workflow_snapshot":null)" + std::string(more) +
         "}\n";
}

std::vector<BadInput> bad_inputs() {
  const std::string nested(200'000, '[');
  return {
      {"NotJson", "start it please\n", "Invalid JSON request"},
      {"NothingBeforeTheEndOfLine", "\n", "Invalid JSON request"},
      {"AnArray", "[1,2]\n", ""},
      {"CutInTheMiddle", "{\"type\":\"start_run\",\"run_id\n", "Invalid JSON request"},
      {"InvalidUtf8", "{\"type\":\"start_run\",\"run_id\":\"\xFF\xC3\x28\"}\n", ""},
      {"InvalidUtf8InAVariable", request("\"r2\"", "plan", ",\"x\":\"\xED\xA0\x80\""), ""},
      {"RunIdIsANumber", request("5", "plan"), "run_id"},
      {"RunIdIsMissing", "{\"type\":\"start_run\"}\n", "run_id"},
      {"PathIsAList", request("\"r2\"", "[]"), "workflow_path"},
      {"VariablesAreAList", request("\"r2\"", "plan", ",\"variables\":[1]"), "variables"},
      {"CapabilitiesAreText", request("\"r2\"", "plan", ",\"capabilities\":\"all\""),
       "capabilities"},
      {"SnapshotIsANumber", request("\"r2\"", "plan", ",\"workflow_snapshot\":7"),
       "workflow_snapshot"},
      {"AnotherType", "{\"type\":\"stop_run\",\"run_id\":\"r2\"}\n", "type"},
      {"Nested200000Deep", nested + "\n", ""},
      {"Nested200000DeepInAVariable",
       request("\"r2\"", "plan",
               ",\"variables\":{\"x\":" + nested + std::string(200'000, ']') + "}"),
       ""},
      {"NulInThePath", request("\"r2\"", R"("/tmp/\u0000plan.yml")"), ""},
      {"PathOutsideTheProject", request("\"r2\"", "\"/etc/passwd\""), "outside daemon project"},
      {"PathClimbingOut", request("\"r2\"", "climbing"), "outside daemon project"},
      {"PlanThatIsNotThere", request("\"r2\"", "missing"), ""},
      {"RunIdDotDot", request("\"..\"", "plan"), "[A-Za-z0-9][A-Za-z0-9._-]{0,127}"},
      {"RunIdWithASlash", request("\"a/b\"", "plan"), "[A-Za-z0-9][A-Za-z0-9._-]{0,127}"},
      {"RunIdThatClimbs", request("\"../../evil\"", "plan"), "[A-Za-z0-9][A-Za-z0-9._-]{0,127}"},
      {"RunIdEmpty", request("\"\"", "plan"), "[A-Za-z0-9][A-Za-z0-9._-]{0,127}"},
      {"RunIdOf5000Characters", request("\"" + std::string(5000, 'x') + "\"", "plan"),
       "[A-Za-z0-9][A-Za-z0-9._-]{0,127}"},
      {"RunIdWithANul", request(R"("a\u0000b")", "plan"), "[A-Za-z0-9][A-Za-z0-9._-]{0,127}"},
      {"CapabilityOfAKindNotBuilt",
       request("\"r2\"", "plan",
               ",\"capabilities\":{\"capability/x\":{\"kind\":\"python\",\"spec\":\"m:C\"}}"),
       "python"},
  };
}

void replace(std::string& text, const std::string& what, const std::string& with) {
  const auto at = text.find(what);
  if (at != std::string::npos) text.replace(at, what.size(), with);
}

class BadInputs : public ::testing::TestWithParam<BadInput> {};

TEST_P(BadInputs, IsRefusedWithAReasonAndTheNextRunGoesOn) {
  Started scene;
  const auto plan = scene.project.add_workflow("hello", shell_step("greet", "true"));
  auto line = GetParam().line;
  replace(line, ":plan,", ":\"" + plan + "\",");
  replace(line, ":missing,", ":\"" + scene.project / "workflows/none/plan.yml" + "\",");
  replace(line, ":climbing,", ":\"" + scene.project / "workflows/../../plan.yml" + "\",");

  const auto answer = answer_to(scene.daemon.socket(), line);
  ASSERT_NE(answer.raw, "") << "no answer";
  EXPECT_FALSE(answer.ok);
  EXPECT_NE(answer.error, "");
  EXPECT_THAT(answer.error, HasSubstr(GetParam().reason));
  EXPECT_LT(answer.raw.size(), 1U << 20) << "more than the client reads";
  EXPECT_FALSE(exists(scene.project.state_file("r2")));
  EXPECT_FALSE(exists(scene.project / "evil.json"));

  const auto next = scene.run("r1", "hello");
  EXPECT_TRUE(next.ok) << next.raw;
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

INSTANTIATE_TEST_SUITE_P(HandOff, BadInputs, ::testing::ValuesIn(bad_inputs()),
                         [](const auto& each) { return each.param.name; });

TEST(BadInput, IdOfAFinishedRunIsRefusedAndItsRecordStays) {
  Started scene;
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  ASSERT_TRUE(scene.run("r1", "hello").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  const auto before = read_file(scene.project.state_file("r1"));
  const auto answer = scene.run("r1", "hello");
  EXPECT_FALSE(answer.ok);
  EXPECT_THAT(answer.error, HasSubstr("'r1'"));
  EXPECT_EQ(read_file(scene.project.state_file("r1")), before);
}

TEST(BadInput, IdKnownOnlyByItsStateFileIsRefused) {
  Started scene;
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  write_file(scene.project.state_file("old"), "{\"run_id\": \"old\", \"status\": \"completed\"}");
  const auto answer = scene.run("old", "hello");
  EXPECT_FALSE(answer.ok);
  EXPECT_THAT(answer.error, HasSubstr("'old'"));
}

TEST(BadInput, RequestOverTheLimitIsRefusedAndOneBelowIsNot) {
  DaemonOptions options;
  options.arguments = {"--max-request-bytes", "100000"};
  Started scene(options);
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  const auto big = scene.run("r1", "hello", {{"x", std::string(200'000, 'x')}});
  EXPECT_FALSE(big.ok);
  EXPECT_THAT(big.error, HasSubstr("too large"));
  const auto small = scene.run("r1", "hello", {{"x", std::string(90'000, 'x')}});
  EXPECT_TRUE(small.ok) << small.raw;
}

TEST(BadInput, RequestOfSeveralMegabytesIsTakenWhole) {
  Started scene;
  scene.project.add_workflow("size", shell_step("count", "echo ok", "outputs: {stdout: string}"));
  const auto answer = scene.run("r1", "size", {{"x", std::string(8 << 20, 'x')}});
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  const auto state = boost::json::parse(read_file(scene.project.state_file("r1")));
  EXPECT_EQ(state.at("variables").at("x").as_string().size(), 8U << 20);
}

// A state is ASCII, in which each of these letters takes six bytes for its two.
TEST(BadInput, RequestWhoseStateIsThreeTimesAsLargeRuns) {
  Started scene;
  scene.project.add_workflow("size", shell_step("count", "echo ok", "outputs: {stdout: string}"));
  std::string letters;
  while (letters.size() < 30U << 20) letters += "\u0436";
  const auto answer = scene.run("r1", "size", {{"x", letters}});
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_GT(std::filesystem::file_size(scene.project.state_file("r1")), 90U << 20);
}

TEST(BadInput, ClientThatSendsNothingIsToldAfterItsTime) {
  Started scene;
  const auto answer = answer_to(scene.daemon.socket(), "", seconds(15));
  EXPECT_FALSE(answer.ok);
  EXPECT_EQ(answer.error, "Request timed out");
}

TEST(BadInput, ThreeHundredStalledClientsDelayNobody) {
  Started scene;
  scene.project.add_workflow("hello", shell_step("greet", "true"));
  ASSERT_TRUE(scene.run("warm", "hello").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("warm"), "RunCompleteEvent");
  std::vector<int> stalled;
  for (int i = 0; i < 300; ++i) {
    const int fd = connect_to(scene.daemon.socket());
    ASSERT_GE(fd, 0) << "connection " << i;
    ASSERT_EQ(write(fd, "{", 1), 1);
    stalled.push_back(fd);
  }
  const auto start = Clock::now();
  const auto answer = scene.run("r1", "hello");
  const auto took = since(start);
  EXPECT_TRUE(answer.ok) << answer.raw;
#ifndef __SANITIZE_ADDRESS__
  EXPECT_LT(took.count(), 100);
#endif
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  for (const int fd : stalled) close(fd);
}

}  // namespace
}  // namespace charter::tests
