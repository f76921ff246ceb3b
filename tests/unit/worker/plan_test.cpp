// Plans and snapshots. tests/interop/plan_oracle.py compares every check with the reference; here
// are those whose order or effect is easily lost.
#include "worker/plan/plan.h"

#include <gtest/gtest.h>

#include "worker/json/python.h"
#include "worker/plan/capabilities.h"
#include "worker/plan/project.h"
#include "worker/plan/toml.h"

namespace charter::worker {
namespace {

std::string problems(std::string_view plan) {
  const auto workflow = parse_plan(plan, "w");
  return workflow ? "right" : workflow.error().code + ": " + workflow.error().text;
}

std::string snapshot(std::string_view plan) {
  const auto workflow = parse_plan(plan, "w");
  return workflow ? dump(snapshot_of(*workflow)) : workflow.error().text;
}

// Read back, a snapshot makes the same one again.
void expect_stable(std::string_view json) {
  const auto workflow = workflow_from_snapshot(*parse_json(json));
  ASSERT_TRUE(workflow) << workflow.error().what;
  EXPECT_EQ(dump(snapshot_of(*workflow)), json);
}

TEST(Plan, ReportsEveryProblemInTheOrderOfTheFormat) {
  EXPECT_EQ(problems("zz: 1\nbindings: {b: {}}\nsteps: [x, {id: a, type: gate, run: y}]"),
            "invalid_input: Workflow: unknown field 'zz' in top level\n"
            "binding 'b': uses is required\n"
            "binding 'b': description is required — add a one-line description of this binding's "
            "purpose\n"
            "Each step must be a mapping\n"
            "Gate step 'a': unknown field 'run'\n"
            "Gate step 'a': field 'run' is not allowed on gate steps\n"
            "Gate step 'a': 'show' is required\n"
            "Gate step 'a': 'message' is required\n"
            "bindings are not used by any step: b");
}

TEST(Plan, OutputNamesAreUniqueOverTheWholePlanBuiltinsIncluded) {
  EXPECT_EQ(
      problems("steps:\n"
               "- {id: a, type: shell, run: x, outputs: {stdout: string}}\n"
               "- {id: b, type: shell, run: x, outputs: {stdout: string}}\n"),
      "invalid_input: Duplicate output name 'stdout': declared by both step 'a' and step 'b'");
}

TEST(Plan, KeysThatCannotBeSortedAreAnInternalErrorThatReplacesAllOthers) {
  EXPECT_EQ(problems("steps: [x]\n5: 1"),
            "internal_error: '<' not supported between instances of 'int' and 'str'");
}

TEST(Plan, SyntaxErrorsSayWhere) {
  EXPECT_NE(problems("steps: [\n").find("invalid_input: Invalid YAML: "), std::string::npos);
  EXPECT_NE(problems("steps: [\n").find("line 2, column 1"), std::string::npos);
}

TEST(Plan, IntegerIdStaysANumberAndIsATextKey) {
  const auto workflow = parse_plan("steps: [{id: 5, type: gate, show: a, message: b}]", "w");
  ASSERT_TRUE(workflow);
  EXPECT_EQ(dump(workflow->steps[0].id), "5");
  EXPECT_EQ(workflow->steps[0].id_key(), "5");
  EXPECT_NE(dump(snapshot_of(*workflow)).find("\"id\": 5"), std::string::npos);
}

TEST(Plan, SnapshotHasTheFormatsFieldsInItsOrder) {
  EXPECT_EQ(snapshot("steps: [{id: a, type: state, action: get, key: k, outputs: {o: string}}]"),
            R"({"workflow": "w", "bindings": {}, "steps": [{"id": "a", "type": "state", )"
            R"("uses": null, "with": {}, "outputs": {"o": "string"}, "inputs": {}, "run": null, )"
            R"("shell": null, "show": null, "message": null, "retry": null, "timeout": null, )"
            R"("action": "get", "key": "k", "default": null}]})");
}

TEST(Plan, SnapshotsOfAllStepTypesReadBackTheSame) {
  expect_stable(
      snapshot("steps:\n"
               "- id: s\n  type: shell\n  run: x\n  timeout: 5m\n"
               "  retry: {attempts: 2, delay_seconds: 0.5}\n"
               "  inputs: {a: b, c: {from: d, sensitive: true}, e: {value: [1.0]}}\n"
               "  outputs: {n: {type: number, sensitive: true}}\n"));
  expect_stable(snapshot("steps: [{id: e, type: export, input: n, path: a/b, content_type: t}]"));
  expect_stable(
      snapshot("steps: [{id: f, type: input, message: m, questions: [{id: q, kind: "
               "select, prompt: p, options: [{value: a, label: A}]}], outputs: {o: q}}]"));
  expect_stable(
      snapshot("bindings: {b: {uses: capability/c, description: d, with: {x: 1}}}\n"
               "steps: [{id: i, uses: binding/b, outputs: {o: {type: artifact, name: "
               "n}}}]"));
}

TEST(Snapshot, FaultsAreTheReferencesWords) {
  const auto fault = [](std::string_view json) {
    const auto workflow = workflow_from_snapshot(*parse_json(json));
    return workflow ? "right" : workflow.error().what;
  };
  EXPECT_EQ(fault(R"({"steps": null})"), "'NoneType' object is not iterable");
  EXPECT_EQ(fault(R"({"steps": [{}]})"), "'id'");
  EXPECT_EQ(fault(R"({"steps": [{"id": "a", "type": "shell", "timeout": "x"}]})"),
            "Step timeout must be a positive duration like '30s', '10m', or '2h'");
  EXPECT_EQ(fault(R"({"steps": [], "bindings": 5})"), "'bindings' must be a mapping");
}

// The reference takes it, and then no answer.
TEST(Snapshot, OutputOfAQuestionThatIsNotAskedIsAFault) {
  const auto workflow = workflow_from_snapshot(
      *parse_json(R"({"steps": [{"id": "f", "type": "input", "message": "m", "questions": )"
                  R"([{"id": "q", "kind": "text", "prompt": "p"}], "outputs": {"o": "z"}}]})"));
  ASSERT_FALSE(workflow);
  EXPECT_EQ(workflow.error().what, "Input step 'f': output 'o' references unknown question 'z'");
}

TEST(CommandLine, IsSplitAsAShellSplitsIt) {
  std::string why;
  EXPECT_EQ(repr(Value(*split_command(R"(a\ b "c\"d\e" '' #x 'y z')", why))),
            R"(['a b', 'c"d\\e', '', '#x', 'y z'])");
  EXPECT_FALSE(split_command("'x", why));
  EXPECT_EQ(why, "No closing quotation");
}

TEST(Toml, ReadsWhatAProjectFileHas) {
  const auto data = read_toml(
      "# c\n[project]\nname = \"a\\u00e9\"\nversion = '1'\ndependencies = [\n  \"x>=1\", # c\n  "
      "'y',\n]\n[project.urls]\nHome = \"\"\"\nz\"\"\"\n[[tool.a]]\nb.c = {d = 1_000, e = "
      "1.5e3}\n[[tool.a]]\nf = 2024-01-02\n");
  ASSERT_TRUE(data) << data.error().text;
  EXPECT_EQ(repr(*data),
            "{'project': {'name': 'aé', 'version': '1', 'dependencies': ['x>=1', 'y'], 'urls': "
            "{'Home': 'z'}}, 'tool': {'a': [{'b': {'c': {'d': 1000, 'e': 1500.0}}}, {'f': "
            "2024-01-02}]}}");
}

// Python quotes what it was given; a password may hold quotes itself.
TEST(Storage, WhatTheEnvironmentToldIsKeptOutOfErrorsHoweverItIsEscaped) {
  StorageDriver driver;
  driver.expanded = {"p'a\"s\\s", "it's"};
  EXPECT_EQ(without_expanded(
                "no host 'p\\'a\"s\\\\s', {\"u\": \"p'a\\\"s\\\\s\"} \"it's\" 'it\\'s\"'", driver),
            "no host '<redacted: sensitive>', {\"u\": \"<redacted: sensitive>\"} "
            "\"<redacted: sensitive>\" '<redacted: sensitive>\"'");
}

TEST(Toml, TablesOfKeysAndHeadersAreBoundedAsValuesAre) {
  const auto parts = [](int count) {
    std::string key = "a";
    for (int i = 1; i < count; ++i) key += ".a";
    return key;
  };
  EXPECT_TRUE(read_toml(parts(100) + " = 1\n" + "[b]\n" + parts(99) + " = 1\n"));
  EXPECT_TRUE(read_toml("[" + parts(99) + "]\nb = 1\n"));
  for (const std::string& text :
       {parts(101) + " = 1", parts(100'000) + " = 1", "[" + parts(100'000) + "]\n",
        "[[" + parts(100'000) + "]]\n", "[" + parts(51) + "]\n" + parts(50) + " = 1",
        "b = {" + parts(100) + " = 1}", "b = [{c = {" + parts(98) + " = 1}}]"}) {
    const auto data = read_toml(text);
    ASSERT_FALSE(data) << text.substr(0, 100);
    EXPECT_NE(data.error().text.find("nested too deeply (at line "), std::string::npos)
        << data.error().text;
  }
}

TEST(Toml, RefusesBrokenTextAndSaysWhere) {
  for (const char* text : {"[a", "a = ", "a = 1\na = 2", "a = 1 2", "a = \"x", "[a]\n[a]", "a = 01",
                           "= 1", "a = [1", "a = {b = 1", "a = \"\\x\"", "a.b = 1\na.b.c = 2"}) {
    const auto data = read_toml(text);
    ASSERT_FALSE(data) << text;
    EXPECT_NE(data.error().text.find("(at line "), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace charter::worker
