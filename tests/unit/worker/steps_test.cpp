// The pure parts of steps: inputs, templates, outputs, what the gateway sees.
#include <gmock/gmock.h>

#include "tests/unit/worker/driver.h"
#include "worker/json/unicode.h"
#include "worker/steps/audit.h"
#include "worker/steps/inputs.h"
#include "worker/steps/masking.h"
#include "worker/steps/outputs.h"
#include "worker/steps/template.h"

namespace charter::worker::testing {
namespace {

RunState state_with(const std::string& variables, const std::string& outputs = "{}") {
  const std::string text =
      R"({"run_id": "r", "status": "running", "created_at": "", "updated_at": "", "variables": )" +
      variables + R"(, "outputs": {"earlier": )" + outputs + "}}";
  auto state = RunState::parse(text);
  EXPECT_TRUE(state) << text;
  return std::move(*state);
}

std::string resolve(const StepInput& input, const RunState& state) {
  const auto value = resolve_input(input, state);
  return value ? dump(**value) : "error: " + value.error().what;
}

StepInput automatic(const std::string& text) { return {"i", Value(text), InputKind::automatic}; }
StepInput from(const std::string& text) { return {"i", Value(text), InputKind::from}; }

TEST(Inputs, FollowNamesAndPaths) {
  const RunState state =
      state_with(R"({"v": "x", "a.b": 9, "l": [10, {"k": 20}]})", R"({"o": {"p.q": 1, "n": [5]}})");
  EXPECT_EQ(resolve(automatic("v"), state), R"("x")");
  EXPECT_EQ(resolve(automatic("a.b"), state), "9") << "the whole text is a name first";
  EXPECT_EQ(resolve(automatic("l.1.k"), state), "20");
  EXPECT_EQ(resolve(automatic("o.n.0"), state), "5");
  EXPECT_EQ(resolve(automatic("plain text. With dot"), state), R"("plain text. With dot")");
  EXPECT_EQ(resolve(from("unknown"), state), "error: references unknown source 'unknown'");
  EXPECT_EQ(resolve(from("l.+1.k"), state), "20");
  EXPECT_EQ(resolve(from("l. 0 "), state), "10");
  EXPECT_EQ(resolve(from("l.\u0661.k"), state), "20") << "digits of any script";
  EXPECT_EQ(resolve(automatic("o.x"), state), "error: references missing field 'x' in 'o.x'");
  EXPECT_EQ(resolve(automatic("l.2"), state), "error: references missing index '2' in 'l.2'");
  EXPECT_EQ(resolve(automatic("l.-1"), state), "error: references missing index '-1' in 'l.-1'");
  EXPECT_EQ(resolve(automatic("l.x"), state),
            "error: references 'l.x', but 'l' is an array and 'x' is not an index");
  EXPECT_EQ(resolve(automatic("o.n.0.z"), state),
            "error: references 'o.n.0.z', but 'o.n.0' is not traversable");
  EXPECT_EQ(resolve({"i", json("[1]"), InputKind::value}, state), "[1]");
  EXPECT_EQ(resolve({"i", Value("v"), InputKind::value}, state), R"("v")");
}

TEST(Inputs, ListIndexesAreWhatPythonsIntTakes) {
  for (const auto& [text, index] : std::vector<std::pair<const char*, long long>>{{"0", 0},
                                                                                  {"007", 7},
                                                                                  {"+1", 1},
                                                                                  {" 0 ", 0},
                                                                                  {"0_1", 1},
                                                                                  {"-0", 0},
                                                                                  {"-3", -1},
                                                                                  {"\u0967", 1}}) {
    EXPECT_EQ(list_index(text), index) << text;
  }
  for (const char* text : {"", " ", "x", "1.0", "_1", "1_", "1__0", "+", "0x1", "+ 1"}) {
    EXPECT_EQ(list_index(text), std::nullopt) << text;
  }
  EXPECT_GT(*list_index("99999999999999999999999"), 1LL << 32);
}

std::string filled(const std::string& text, const RunState& state) {
  const auto out = fill_template(text, state);
  return out ? *out : "error: " + out.error().what;
}

TEST(Templates, ReplaceSingleWordsOnly) {
  const RunState state = state_with(R"({"a": "A", "n": 1.0, "l": ["é"], "größe": "G"})");
  EXPECT_EQ(filled("{{a}} {{ a }} {{\n\ta\u2003}}", state), "A A A");
  EXPECT_EQ(filled("{{n}} {{l}} {{ größe }}", state), R"(1.0 ["\u00e9"] G)");
  EXPECT_EQ(filled("{{ a.b }} {{ }} {{ a b }} { {a} } {{{a}}}", state),
            "{{ a.b }} {{ }} {{ a b }} { {a} } {A}");
  EXPECT_EQ(filled("{{ a", state), "{{ a");
  EXPECT_EQ(filled("{{", state), "{{");
  EXPECT_EQ(filled("{{ nope }}", state),
            "error: Template reference '{{ nope }}' could not be resolved: 'nope' is not defined "
            "in variables or step outputs");
}

struct Declared {
  std::string name;
  std::string type;
  bool sensitive = false;
};

Step step_with(const std::vector<Declared>& outputs) {
  Step step;
  step.id = Value("s");
  for (const auto& [name, type, sensitive] : outputs) {
    step.outputs.push_back({name, type, sensitive, std::nullopt});
  }
  return step;
}

std::string mapped(const Step& step, const std::string& out, const std::string& err = "") {
  const auto outputs = map_shell_outputs(step, out, err, 0);
  return outputs ? dump(Value(*outputs)) : "error: " + outputs.error().what;
}

TEST(Outputs, ComeFromWhatWasPrinted) {
  const Step none = step_with({});
  EXPECT_EQ(mapped(none, "5"), "{}");
  const Step builtins = step_with({{"exit_code", "number"}, {"stdout", "string"}});
  EXPECT_EQ(mapped(builtins, "5\r\n\n"), R"({"exit_code": 0, "stdout": "5"})");
  const Step one = step_with({{"o", "object"}});
  EXPECT_EQ(mapped(one, R"({"o": 1, "p": 2})"), R"({"o": 1})");
  EXPECT_EQ(mapped(one, R"({"p": 2})"), R"({"o": {"p": 2}})");
  EXPECT_EQ(mapped(one, "NaN"), R"({"o": NaN})");
  EXPECT_EQ(mapped(one, "not json\n"), R"({"o": "not json"})");
  EXPECT_EQ(mapped(one, R"({"o": 1, "o": 2})"), R"({"o": 2})");
  const Step two = step_with({{"a", "number"}, {"stderr", "string"}, {"b", "number"}});
  EXPECT_EQ(mapped(two, R"({"b": 1, "a": 2})", "e\n"), R"({"stderr": "e", "a": 2, "b": 1})");
  EXPECT_EQ(mapped(two, R"({"b": 1})"),
            "error: Step 's': Shell stdout returned an object missing declared output key(s): "
            "['a']");
  EXPECT_EQ(mapped(two, "[1]"),
            "error: Step 's': Shell stdout returned 'array' but multiple outputs ['a', 'b'] are "
            "declared. Return an object keyed by output name.");
}

TEST(Outputs, AreCheckedWithoutConversion) {
  const ArtifactStore no_store("/nonexistent", "r");
  const std::pair<const char*, const char*> wrong[] = {{"number", "true"}, {"boolean", "1"},
                                                       {"string", "1"},    {"array", "{}"},
                                                       {"object", "[]"},   {"string", "null"}};
  for (const auto& [type, value] : wrong) {
    Object outputs;
    outputs.set("o", json(value));
    const auto checked = check_outputs(step_with({{"o", type}}), outputs, no_store);
    ASSERT_FALSE(checked) << type << " " << value;
    EXPECT_THAT(checked.error().what, ::testing::HasSubstr(std::string("expected type '") + type));
  }
  Object null;
  null.set("o", Value());
  EXPECT_EQ(check_outputs(step_with({{"o", "string"}}), null, no_store).error().what,
            "Step 's': output 'o' expected type 'string' but got 'NoneType'");
  Object deep;
  deep.set("o", *parse_json(std::string(901, '[') + std::string(901, ']'), kKeptNesting));
  for (const char* type : {"array", "artifact"}) {
    EXPECT_EQ(check_outputs(step_with({{"o", type}}), deep, no_store).error().what,
              "Step 's': output 'o' is nested more than 900 deep");
  }
}

TEST(Audit, LongTextsLoseTheirMiddleByWhatTheyTakeOfAnEvent) {
  const auto size = [](const std::string& text) { return dump(Value(text), kWire).size() - 2; };
  const std::string fits(kMostTextBytes, 'x');
  EXPECT_EQ(cut_text(fits), fits);
  const std::string escaped = "begin " + std::string(kMostTextBytes - 100, '"') + " end";
  const std::string zeros = "begin " + std::string(40'000'000, '\0') + " end";
  std::string wide;
  while (wide.size() <= kMostTextBytes) wide += "\U0001F600\u20AC";
  wide = "begin " + wide + " end";
  for (const std::string& text : {fits + "x", escaped, zeros, wide}) {
    const std::string cut = cut_text(text);
    EXPECT_LE(size(cut), kMostTextBytes);
    EXPECT_GT(size(cut), kMostTextBytes - 200) << "no more goes than must";
    EXPECT_EQ(cut.find("\uFFFD"), std::string::npos);
    EXPECT_EQ(utf8_fault(cut), "");
    EXPECT_EQ(cut_text(cut), cut);
    EXPECT_EQ(cut.substr(0, 6), text.substr(0, 6));
    EXPECT_EQ(cut.substr(cut.size() - 4), text.substr(text.size() - 4));
  }
  EXPECT_THAT(cut_text(zeros), ::testing::HasSubstr("<truncated: 38MB>"));
  const std::string stray = cut_text(std::string(2'000'000, '\x80'));
  EXPECT_LE(size(stray), kMostTextBytes);
}

TEST(Audit, MarksSizesAsTheReferenceDoes) {
  EXPECT_EQ(size_marker(1000), "<truncated: 1000B>");
  EXPECT_EQ(size_marker(9011), "<truncated: 8.8KB>");
  EXPECT_EQ(size_marker(8193), "<truncated: 8KB>");
  EXPECT_EQ(size_marker(1'048'575), "<truncated: 1024KB>");
  EXPECT_EQ(size_marker(1'048'576), "<truncated: 1MB>");
  EXPECT_EQ(size_marker(1'992'295), "<truncated: 1.9MB>");
}

TEST(Audit, CountsTextByItsBytesAndTheRestAsSortedAsciiJson) {
  Step step = step_with({{"t", "string"}, {"u", "string"}, {"l", "array"}, {"s", "string", true}});
  Object outputs;
  std::string text;
  for (int at = 0; at < 4096; ++at) text += "é";
  outputs.set("t", Value(text));
  outputs.set("u", Value(text + "x"));
  outputs.set("l", json("[\"" + text + "\"]"));
  outputs.set("s", Value("secret"));
  const Audit audit = audit_outputs(step, outputs);
  EXPECT_TRUE(audit.redacted);
  EXPECT_EQ(audit.json, "{\"t\":\"" + text +
                            "\",\"u\":\"<truncated: 8KB>\",\"l\":\"<truncated: 24KB>\","
                            "\"s\":\"<redacted: sensitive>\"}");
}

TEST(Masking, FindsValuesInEveryFormTheyTake) {
  Workflow workflow;
  Step step = step_with({{"token", "string", true}});
  step.id = Value("earlier");
  step.inputs = {{"A", Value("pass"), InputKind::from, true},
                 {"B", Value("deep"), InputKind::automatic, true},
                 {"C", Value("open"), InputKind::from, false}};
  workflow.steps.push_back(step);
  const RunState state = state_with(
      R"({"pass": "p\"ss\nword", "deep": {"in": ["hidden value", "abc"]}, "open": "visible"})",
      R"({"token": "t0ken"})");
  const auto secrets = sensitive_texts(workflow, state);
  EXPECT_EQ(mask("p\"ss\nword and p\\\"ss\\nword, hidden value, abc, visible, t0ken", secrets),
            "<redacted: sensitive> and <redacted: sensitive>, <redacted: sensitive>, abc, visible, "
            "<redacted: sensitive>");
  EXPECT_EQ(mask("nothing here", secrets), "nothing here");
}

// Also as the other style of JSON and Python's repr() have it, whatever quotes stand around it.
TEST(Masking, FindsTextsHoweverTheyAreEscaped) {
  const RunState state = state_with("{}");
  for (const std::string secret : {"pa'ss", "pa\"ss", "p'a\"ss", "-----\n\"key\"\n", "back\\slash",
                                   "Zo\u00eb\"s \\", "tab\t\x7f'"}) {
    const auto secrets = sensitive_texts({}, state, {secret});
    for (const std::string beside : {"", "it's ", "so \"called\" ", "it's \"\" "}) {
      const Value text(beside + secret);
      for (const std::string& shown :
           {text.as_string(), repr(text), dump(text), dump(text, kWire), dump(text, kAudit)}) {
        EXPECT_THAT(mask(shown, secrets), ::testing::HasSubstr(kRedacted)) << shown;
      }
    }
  }
}

TEST(Masking, FindsTextsThatAreNoUtf8InWhatWasDecoded) {
  for (const std::string secret : {"pa\xff\xffss", "pa\xe2\x82ss"}) {
    EXPECT_EQ(mask(decode_lossy(secret), sensitive_texts({}, state_with("{}"), {secret})),
              kRedacted);
  }
}

TEST(Masking, FindsValuesHoweverTheyAreWritten) {
  Workflow workflow;
  Step step;
  step.inputs = {{"A", Value("pins"), InputKind::from, true}};
  workflow.steps.push_back(step);
  const std::string pins = R"({"a": "12", "b": [true, null]})";
  const auto secrets = sensitive_texts(workflow, state_with("{\"pins\": " + pins + "}"));
  for (const std::string& shown :
       {dump(json(pins)), dump(json(pins), kWire), repr(json(pins)), dump(Value(pins))}) {
    EXPECT_THAT(mask(shown, secrets), ::testing::HasSubstr(kRedacted)) << shown;
  }
}

TEST(Masking, TakesTextsThatOverlapAsOne) {
  EXPECT_EQ(mask("<abcdefghij>", {"abcdef", "efghij"}), "<<redacted: sensitive>>");
}

// What is escaped twice has a form of its own.
TEST(Masking, FindsTextsInsideAValue) {
  const auto secrets = sensitive_texts({}, state_with("{}"), {"p'a\"s\\s"});
  Object inner;
  inner.set("told", Value(dump(Value("p'a\"s\\s"))));
  inner.set("p'a\"s\\s", Value(Array{Value("p'a\"s\\s!"), Value(true)}));
  EXPECT_EQ(repr(mask(Value(inner), secrets)),
            "{'told': '\"<redacted: sensitive>\"', '<redacted: sensitive>': "
            "['<redacted: sensitive>!', True]}");
}

}  // namespace
}  // namespace charter::worker::testing
