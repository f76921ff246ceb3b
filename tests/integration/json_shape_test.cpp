// What the commands print with --json is what docs/CLIENT.md says, member by member, and nothing
// but data is on standard output.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>

#include "tests/support/json_tables.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::HasSubstr;

enum Exit { kFine, kRunFailed, kUsage, kNoDaemon };

constexpr const char* kForm = R"(  - id: form
    type: input
    show: something
    message: tell us
    outputs: {name: who}
    questions:
      - {id: who, kind: text, prompt: Your name}
)";

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

class JsonShape : public ::testing::Test {
 protected:
  JsonShape() {
    scene.project.add_workflow(
        "hello", shell_step("greet", "echo hello", "outputs: {stdout: string}") +
                     shell_step("again", "test -e ../again || { touch ../again; exit 1; }",
                                "retry: {attempts: 2, delay_seconds: 0}"));
    scene.project.add_workflow("fails", shell_step("stop", "echo why >&2; exit 3"));
    scene.project.add_workflow("ask", gate_step("gate") + kForm);
  }
  Finished charter(std::vector<std::string> arguments) const {
    return charter_daemon(scene.project, std::move(arguments));
  }
  // Each line of what the command prints with --json.
  std::vector<boost::json::value> said(std::vector<std::string> arguments, int code = kFine) const {
    arguments.emplace_back("--json");
    const Finished done = charter(arguments);
    EXPECT_EQ(done.code, code) << arguments[0] << ": " << done.err;
    std::vector<boost::json::value> values;
    for (const std::string& line : lines_of(done.out)) {
      boost::system::error_code bad;
      values.push_back(boost::json::parse(line, bad));
      EXPECT_FALSE(bad) << arguments[0] << " prints: " << line;
    }
    EXPECT_FALSE(values.empty()) << arguments[0];
    return values;
  }
  void fits(const std::string& table, const boost::json::value& value) const {
    EXPECT_EQ(tables.differences(table, value), "") << boost::json::serialize(value);
  }
  void fits_one(const std::string& table, const std::vector<std::string>& arguments) const {
    const auto values = said(arguments);
    ASSERT_EQ(values.size(), 1U) << arguments[0];
    fits(table, values[0]);
  }
  void at_gate(const std::string& run) const {
    ASSERT_EQ(charter({"run", "ask", "--run-id", run}).code, kFine);
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), run, "paused"));
  }

  Started scene;
  const JsonTables tables{read_file(CHARTER_CLIENT_DOCUMENT)};
};

// A command without a table is one whose output nobody promised.
TEST_F(JsonShape, EveryCommandThatHasJsonHasATable) {
  const std::map<std::string, std::string> named{{"events", "an event"}, {"wait", "an end"}};
  int found = 0;
  for (const std::string& command : lines_of(charter({"complete", "--", "manual", ""}).out)) {
    const std::string help = charter({command, "--help"}).out;
    if (help.find("  --json ") == std::string::npos) continue;
    ++found;
    const auto other = named.find(command);
    EXPECT_TRUE(tables.has(other == named.end() ? command : other->second)) << command;
  }
  EXPECT_GE(found, 13);
}

TEST_F(JsonShape, OfARunFromItsStartToItsEnd) {
  const auto lines = said({"run", "hello", "--run-id", "r1", "--follow"});
  ASSERT_GE(lines.size(), 6U);
  fits("run", lines.front());
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) fits("an event", lines[i]);
  fits("an end", lines.back());
  for (const auto& event : said({"events", "r1"})) fits("an event", event);
  for (const auto& line : said({"logs", "r1"})) fits("logs", line);
  fits_one("an end", {"wait", "r1"});
  fits_one("list", {"list"});
  fits_one("status RUN", {"status", "r1"});
  fits_one("kill", {"kill", "r1"});
  fits_one("forget", {"forget", "r1", "--undelivered"});
}

TEST_F(JsonShape, OfARunThatFailsAndIsTriedAgain) {
  const auto ended = said({"run", "fails", "--run-id", "r1", "--wait"}, kRunFailed);
  fits("an end", ended.back());
  const auto retried = said({"retry", "r1", "--wait"}, kRunFailed);
  fits("retry", retried.front());
  fits_one("status RUN", {"status", "r1"});
  // One that ends well, and the command that does not wait for it.
  scene.project.add_workflow(
      "mends", shell_step("try", "test -e ../mended || { touch ../mended; exit 1; }"));
  (void)said({"run", "mends", "--run-id", "m1", "--wait"}, kRunFailed);
  fits_one("retry", {"retry", "m1", "--run-id", "m2"});
  fits_one("an end", {"wait", "m2"});
  fits_one("status RUN", {"status", "m2"});
}

TEST_F(JsonShape, OfAnswersToARun) {
  at_gate("r1");
  fits_one("status RUN", {"status", "r1"});
  fits_one("resume", {"resume", "r1", "--approve"});
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
  const auto lines = said({"submit", "r1", "--answers", R"({"who": "me"})", "--follow"});
  ASSERT_GE(lines.size(), 3U);
  fits("submit", lines.front());
  for (std::size_t i = 1; i + 1 < lines.size(); ++i) fits("an event", lines[i]);
  fits("an end", lines.back());
  fits_one("an end", {"wait", "r1"});
}

TEST_F(JsonShape, OfARunThatOnlyAFileTellsOf) {
  at_gate("r1");
  std::string state = read_file(scene.project.state_file("r1"));
  for (auto at = state.find("\"r1\""); at != std::string::npos; at = state.find("\"r1\"")) {
    state.replace(at, 4, "\"r2\"");
  }
  write_file(scene.project.state_file("r2"), state);
  fits_one("status RUN", {"status", "r2"});
  fits_one("list", {"list"});
}

TEST_F(JsonShape, OfTheDaemonAndItsEnd) {
  fits_one("status", {"status"});
  fits_one("doctor", {"doctor", "--gateway", scene.gateway.url()});
  fits_one("support-bundle", {"support-bundle", "-o", scene.project.scratch("bundle.tar.gz")});
  fits_one("reload", {"reload"});
  fits_one("drain", {"drain", "--stay"});
  fits_one("status", {"status"});
  fits_one("stop", {"stop"});
}

TEST_F(JsonShape, OfADaemonWithLimitsAndWithoutAGateway) {
  scene.daemon.stop();
  DaemonOptions options;
  options.arguments = {"--run-pids-max", "64", "--run-memory-max", "512M"};
  DaemonProcess limited(scene.project, options);
  EXPECT_TRUE(eventually(kSoon, [&] {
    return charter({"status", "--json"}).out.find("\"state\":\"waiting\"") != std::string::npos;
  }));
  fits_one("status", {"status"});
}

TEST_F(JsonShape, OfAReloadThatChangesSomething) {
  scene.daemon.stop();
  const std::string config = scene.project.scratch("config");
  write_file(config, "max-runs = 2\nrun-log-max = 1M\n");
  DaemonOptions options;
  options.arguments = {"--config", config};
  options.gateway = scene.gateway.url();
  DaemonProcess configured(scene.project, options);
  write_file(config, "max-runs = 3\nrun-log-max = 2M\n");
  const auto done = said({"reload"});
  ASSERT_EQ(done.size(), 1U);
  fits("reload", done[0]);
  EXPECT_EQ(done[0].at("changed"),
            boost::json::parse(R"([{"option":"max-runs","from":"2","to":"3"}])"));
  EXPECT_EQ(done[0].at("needs_restart"), boost::json::parse(R"(["run-log-max"])"));
}

TEST_F(JsonShape, OfALogOfWhichSomethingIsMissing) {
  scene.daemon.stop();
  DaemonOptions options;
  options.arguments = {"--run-log-max", "256K"};
  options.gateway = scene.gateway.url();
  DaemonProcess brief(scene.project, options);
  scene.project.add_workflow("much", shell_step("much", "head -c 600000 /dev/zero | tr '\\0' x"));
  ASSERT_EQ(charter({"run", "much", "--run-id", "r1", "--wait"}).code, kFine);
  const auto lines = said({"logs", "r1"});
  ASSERT_GE(lines.size(), 2U);
  fits("a gap", lines.front());
  for (std::size_t i = 1; i < lines.size(); ++i) fits("logs", lines[i]);
}

// A copied ledger holds until somebody says that the copy counts.
TEST_F(JsonShape, OfADaemonThatIsLetGoOn) {
  at_gate("r1");
  scene.daemon.stop();
  const ProjectFixture copy;
  std::filesystem::remove_all(copy.root());
  std::filesystem::copy(scene.project.root(), copy.root(),
                        std::filesystem::copy_options::recursive);
  DaemonProcess daemon(copy, {});
  const Finished done = charter_daemon(copy, {"adopt", "--json"});
  ASSERT_EQ(done.code, kFine) << done.err;
  fits("adopt", boost::json::parse(done.out));
}

TEST_F(JsonShape, OfDev) {
  const ProjectFixture other;
  ChildSpec spec;
  spec.argv = {daemon_binary(), "dev", "--json", "--port", "0"};
  spec.directory = other.root();
  spec.output = other.scratch("dev.out");
  spec.errors = other.scratch("dev.err");
  spec.set["TEST_MARK"] = other.mark();
  spec.unset = {"CHARTER_DAEMON_SOCKET", "CHARTER_GATEWAY", "CHARTER_GATEWAY_DAEMON_TOKEN"};
  write_file(spec.output, "");
  ChildProcess dev(spec);
  ASSERT_TRUE(eventually(kSoon, [&] { return read_file(spec.output).ends_with('\n'); }))
      << read_file(spec.errors);
  fits("dev", boost::json::parse(read_file(spec.output)));
  dev.signal(SIGTERM);
  EXPECT_TRUE(dev.wait().has_value());
}

// What is said to people is on standard error, so that a pipe gets data only.
TEST_F(JsonShape, WhatIsWrongIsSaidOnStandardError) {
  scene.daemon.stop();
  for (const std::string& command : lines_of(charter({"complete", "--", "manual", ""}).out)) {
    const Finished done = charter({command, "--no-such-option"});
    EXPECT_EQ(done.code, kUsage) << command;
    EXPECT_EQ(done.out, "") << command;
    EXPECT_THAT(done.err, HasSubstr("--no-such-option")) << command;
  }
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"run", "hello"},
                                             {"retry", "r1"},
                                             {"list"},
                                             {"status"},
                                             {"status", "r1"},
                                             {"events", "r1"},
                                             {"wait", "r1"},
                                             {"resume", "r1", "--approve"},
                                             {"submit", "r1", "--answers", "{}"},
                                             {"forget", "r1"},
                                             {"adopt"},
                                             {"stop"}}) {
    for (const bool json : {false, true}) {
      auto arguments = command;
      if (json) arguments.emplace_back("--json");
      const Finished done = charter(arguments);
      EXPECT_EQ(done.code, kNoDaemon) << command[0];
      EXPECT_EQ(done.out, "") << command[0];
      EXPECT_THAT(done.err, HasSubstr("No daemon serves")) << command[0];
    }
  }
}

// And what is data is on standard output alone.
TEST_F(JsonShape, WhatIsAskedForIsSaidOnStandardOutput) {
  at_gate("r1");
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"list"},
                                             {"status"},
                                             {"status", "r1"},
                                             {"events", "r1"},
                                             {"resume", "r1", "--approve"},
                                             {"run", "hello", "--run-id", "r2"},
                                             {"kill", "r1"},
                                             {"forget", "r1", "--undelivered"},
                                             {"doctor", "--gateway", scene.gateway.url()},
                                             {"help"},
                                             {"help", "runs"},
                                             {"manual"},
                                             {"completion", "bash"},
                                             {"reload"},
                                             {"drain", "--stay"},
                                             {"drain", "--off"},
                                             {"stop"}}) {
    const Finished done = charter(command);
    EXPECT_EQ(done.code, kFine) << command[0] << ": " << done.err;
    EXPECT_NE(done.out, "") << command[0];
    EXPECT_EQ(done.err, "") << command[0];
  }
}

// How a run ended is said to people; scripts have the exit code, or --json.
TEST_F(JsonShape, HowARunEndedIsSaidOnStandardError) {
  const Finished started = charter({"run", "fails", "--run-id", "r1", "--wait"});
  EXPECT_EQ(started.code, kRunFailed);
  EXPECT_EQ(started.out, "r1\n");
  EXPECT_THAT(started.err, HasSubstr("Run r1 failed"));
  const Finished waited = charter({"wait", "r1"});
  EXPECT_EQ(waited.out, "");
  EXPECT_THAT(waited.err, HasSubstr("Run r1 failed"));
}

// The document's examples are of the kind that its tables say and that the commands print.
TEST_F(JsonShape, ExamplesInTheDocumentFitTheirTables) {
  std::map<std::string, boost::json::value> examples;
  std::string table;
  std::optional<std::string> block;
  for (const std::string& line : lines_of(read_file(CHARTER_CLIENT_DOCUMENT))) {
    if (line.starts_with("### JSON of ")) {
      table = line.substr(12);
      std::erase(table, '`');
    } else if (line == "```json") {
      block.emplace();
    } else if (block && line == "```") {
      boost::system::error_code bad;
      examples[table] = boost::json::parse(*block, bad);
      EXPECT_FALSE(bad) << table << ": " << *block;
      fits(table, examples[table]);
      block.reset();
    } else if (block) {
      *block += line + "\n";
    }
  }
  ASSERT_TRUE(examples.contains("doctor") && examples.contains("support-bundle"));
  const auto doctor = said({"doctor", "--gateway", "http://127.0.0.1:9"}, 1);
  for (const auto& check : examples["doctor"].at("checks").as_array()) {
    const auto& real = doctor.at(0).at("checks").as_array();
    EXPECT_TRUE(std::any_of(real.begin(), real.end(), [&](const auto& one) {
      return one.at("name") == check.at("name") &&
             (check.at("name") != "tcp" || one.at("remedy") == check.at("remedy"));
    })) << check;
  }
  const auto bundle = said({"support-bundle", "-o", scene.project.scratch("bundle.tar.gz")});
  for (const auto& entry : bundle.at(0).at("entries").as_array()) {
    const auto& told = examples["support-bundle"].at("entries").as_array();
    EXPECT_NE(std::find(told.begin(), told.end(), entry), told.end()) << entry;
  }
}

// The comparison itself sees what is missing, what is new and what is of another kind.
TEST(JsonTables, TellEveryDifference) {
  const JsonTables tables(
      "### JSON of `x`\nAbout it.\n| member | type | meaning |\n|---|---|---|\n"
      "| `a` | text | |\n| `b` | number or null | |\n| `c` | list or absent | |\n"
      "| `c[]` | y | |\n### JSON of y\n| `d` | object | open |\n| `e` | object | |\n"
      "| `e.f` | truth | |\n");
  const auto told = [&](const char* text) {
    return tables.differences("x", boost::json::parse(text));
  };
  EXPECT_EQ(told(R"({"a":"","b":null})"), "");
  EXPECT_EQ(told(R"({"a":"","b":1,"c":[{"d":{"any":1},"e":{"f":true}}]})"), "");
  EXPECT_THAT(told(R"({"b":1})"), HasSubstr("a is missing"));
  EXPECT_THAT(told(R"({"a":1,"b":1})"), HasSubstr("a is number"));
  EXPECT_THAT(told(R"({"a":null,"b":1})"), HasSubstr("a is null"));
  EXPECT_THAT(told(R"({"a":"","b":1,"z":1})"), HasSubstr("z is not in the table"));
  EXPECT_THAT(told(R"({"a":"","b":1,"c":[{"d":{},"e":{}}]})"), HasSubstr("e.f is missing"));
  EXPECT_THAT(told(R"({"a":"","b":1,"c":[1]})"), HasSubstr("c[] is number"));
}

}  // namespace
}  // namespace charter::tests
