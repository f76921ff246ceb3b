#include "ipc/option_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "tests/unit/client/scratch.h"

namespace charter::client {
namespace {

using ipc::OptionKind;
using ipc::OptionSource;
using ipc::OptionSpec;
using ipc::OptionValues;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::array<std::string_view, 2> kSizes{"small", "large"};
constexpr std::array kOptions{
    OptionSpec{.name = "name", .letter = 'n', .variable = "CHARTER_TEST_NAME", .fallback = "none"},
    OptionSpec{.name = "count",
               .variable = "CHARTER_TEST_COUNT",
               .fallback = "4",
               .metavar = "INTEGER",
               .help = "How many there are, a matter which takes more words than one line of the "
                       "help can hold.",
               .kind = OptionKind::integer},
    OptionSpec{.name = "delay", .fallback = "1.5", .kind = OptionKind::number},
    OptionSpec{.name = "size", .kind = OptionKind::choice, .choices = kSizes},
    OptionSpec{.name = "var", .repeatable = true},
    OptionSpec{
        .name = "fast", .letter = 'f', .variable = "CHARTER_TEST_FAST", .kind = OptionKind::flag},
    OptionSpec{.name = "config", .metavar = "FILE"},
};
constexpr std::array kArguments{ipc::ArgumentSpec{"FIRST", "The first."},
                                ipc::ArgumentSpec{"SECOND", "The second.", false}};
constexpr std::array kExamples{ipc::Example{"charter-daemon try a", "Tries a."}};
constexpr std::array kCodes{ipc::ExitCode{0, "done"}, ipc::ExitCode{130, "interrupted"}};
constexpr ipc::CommandSpec kCommand{.name = "try",
                                    .summary = "Try something",
                                    .description = "Tries something.\n\nThen says so.",
                                    .options = kOptions,
                                    .arguments = kArguments,
                                    .examples = kExamples,
                                    .exit_codes = kCodes};

ipc::Result<OptionValues> read(std::vector<std::string> words) {
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return ipc::read_options(kCommand, arguments);
}

std::string error_of(std::vector<std::string> words) {
  const auto values = read(std::move(words));
  if (values) return "no error";
  EXPECT_TRUE(ipc::is_usage_error(values.error()));
  return values.error().what;
}

struct OptionTable : testing::Test {
  ~OptionTable() override {
    for (const char* name : {"CHARTER_TEST_NAME", "CHARTER_TEST_COUNT", "CHARTER_TEST_FAST"}) {
      ::unsetenv(name);
    }
  }
  Scratch scratch;
};

TEST_F(OptionTable, FlagBeatsEnvironmentBeatsFileBeatsDefault) {
  const std::string file = scratch.write("c", "name = from file\ncount = 7\n");
  EXPECT_EQ(read({"a"})->text("name"), "none");
  EXPECT_EQ(read({"a", "--config", file})->text("name"), "from file");
  EXPECT_EQ(read({"a", "--config", file})->integer("count"), 7);
  ::setenv("CHARTER_TEST_NAME", "from environment", 1);
  EXPECT_EQ(read({"a", "--config", file})->text("name"), "from environment");
  const auto values = read({"a", "--config", file, "--name", "from flag"});
  EXPECT_EQ(values->text("name"), "from flag");
  EXPECT_EQ(values->source("name"), OptionSource::command_line);
  EXPECT_EQ(values->source("count"), OptionSource::config);
  EXPECT_EQ(values->source("delay"), OptionSource::fallback);
  EXPECT_EQ(values->source("size"), OptionSource::none);
}

TEST_F(OptionTable, AnEmptyVariableCountsAsUnset) {
  const std::string file = scratch.write("c", "name = from file\n");
  ::setenv("CHARTER_TEST_NAME", "", 1);
  EXPECT_EQ(read({"a"})->text("name"), "none");
  EXPECT_EQ(read({"a", "--config", file})->text("name"), "from file");
}

TEST_F(OptionTable, TakesEveryFormOfAValue) {
  EXPECT_EQ(read({"a", "--name=x"})->text("name"), "x");
  EXPECT_EQ(read({"--name", "x", "a"})->text("name"), "x");
  EXPECT_EQ(read({"a", "-n", "x"})->text("name"), "x");
  EXPECT_EQ(read({"a", "-nx"})->text("name"), "x");
  EXPECT_EQ(read({"a", "--name="})->text("name"), "");
  EXPECT_EQ(read({"a", "--name", ""})->text("name"), "");
  EXPECT_EQ(read({"a", "--name", "x=y=z"})->text("name"), "x=y=z");
  EXPECT_EQ(read({"a", "--delay", "-2.5"})->number("delay"), -2.5);
  EXPECT_EQ(read({"a", "--name", "-x"})->text("name"), "-x");
  EXPECT_TRUE(read({"a", "-f"})->flag("fast"));
  EXPECT_FALSE(read({"a"})->flag("fast"));
  EXPECT_EQ(read({"a", "--size", "LARGE"})->text("size"), "large");
  const auto values = read({"--", "--name", "-f"});
  EXPECT_EQ(values->argument(0), "--name");
  EXPECT_EQ(values->argument(1), "-f");
}

TEST_F(OptionTable, TheLastOfAnOptionCountsUnlessItMayBeRepeated) {
  const auto values = read({"a", "--name", "x", "--name", "y", "--var", "p=1", "--var", "q="});
  EXPECT_EQ(values->text("name"), "y");
  EXPECT_THAT(values->list("var"), ElementsAre("p=1", "q="));
}

TEST_F(OptionTable, AnUnknownOptionIsNamedWithTheNearestOne) {
  EXPECT_EQ(error_of({"a", "--cuont", "3"}), "No such option '--cuont'. Did you mean '--count'?");
  EXPECT_EQ(error_of({"a", "--coun", "3"}), "No such option '--coun'. Did you mean '--count'?");
  EXPECT_EQ(error_of({"a", "--elephant"}), "No such option '--elephant'.");
  EXPECT_EQ(error_of({"a", "-x"}), "No such option '-x'.");
}

TEST_F(OptionTable, BadValuesAreNamedWithTheirSource) {
  EXPECT_EQ(error_of({"a", "--count", "abc"}),
            "Invalid value for '--count': 'abc' is not a valid integer.");
  EXPECT_EQ(error_of({"a", "--delay", "nan"}),
            "Invalid value for '--delay': 'nan' is not a valid float.");
  EXPECT_EQ(error_of({"a", "--size", "huge"}),
            "Invalid value for '--size': 'huge' is not one of 'small', 'large'.");
  ::setenv("CHARTER_TEST_COUNT", "many", 1);
  EXPECT_EQ(
      error_of({"a"}),
      "Invalid value for '--count': 'many' is not a valid integer. (from CHARTER_TEST_COUNT)");
  const std::string file = scratch.write("c", "delay = soon\n");
  EXPECT_THAT(error_of({"a", "--count", "1", "--config", file}),
              HasSubstr("'soon' is not a valid float. (from " + file + ")"));
  ::setenv("CHARTER_TEST_FAST", "perhaps", 1);
  EXPECT_THAT(error_of({"a", "--count", "1"}), HasSubstr("'perhaps' is not a valid boolean."));
}

TEST_F(OptionTable, MissingAndSurplusWordsAreErrors) {
  EXPECT_EQ(error_of({}), "Missing argument 'FIRST'.");
  EXPECT_EQ(error_of({"a", "b", "c"}), "Got unexpected extra argument (c)");
  EXPECT_EQ(error_of({"a", "--name"}), "Option '--name' requires an argument.");
  EXPECT_EQ(error_of({"a", "--fast=yes"}), "Option '--fast' does not take a value.");
}

TEST_F(OptionTable, AnArgumentMayTakeAllThatIsLeft) {
  static constexpr std::array kMany{
      ipc::ArgumentSpec{.name = "RUN", .help = "Some.", .many = true}};
  static constexpr ipc::CommandSpec kTaker{
      .name = "c", .summary = "s", .description = "d", .arguments = kMany};
  std::string a = "a";
  std::string b = "b";
  std::array<char*, 3> words{a.data(), b.data(), a.data()};
  EXPECT_THAT(ipc::read_options(kTaker, words).value().arguments(), ElementsAre("a", "b", "a"));
  EXPECT_FALSE(ipc::read_options(kTaker, {})) << "one is needed";
  EXPECT_THAT(ipc::usage_hint(kTaker), HasSubstr("c [OPTIONS] RUN...\n"));
}

TEST_F(OptionTable, FileErrorsNameFileLineAndKey) {
  const std::string file = scratch.write("c", "# comment\n\nname = x\nnmae = y\n");
  EXPECT_EQ(error_of({"a", "--config", file}),
            file + ":4: No such option 'nmae'. Did you mean 'name'?");
  scratch.write("c", "name\n");
  EXPECT_EQ(error_of({"a", "--config", file}), file + ":1: expected 'option-name = value'.");
  scratch.write("c", "name = a\nname = b\n");
  EXPECT_EQ(error_of({"a", "--config", file}), file + ":2: Option 'name' is set twice.");
  scratch.write("c", "config = d\n");
  EXPECT_THAT(error_of({"a", "--config", file}), HasSubstr(":1: 'config' cannot be set"));
  EXPECT_THAT(error_of({"a", "--config", scratch / "absent"}), HasSubstr("cannot be read"));
}

TEST_F(OptionTable, FileValuesKeepWhatLooksLikeACommentAndSetFlags) {
  const std::string file =
      scratch.write("c", "  name=box #3  \r\nfast = Yes\nvar = a=1\nvar = b=2\ncount =\n");
  const auto values = read({"a", "--config", file});
  EXPECT_EQ(values->text("name"), "box #3");
  EXPECT_TRUE(values->flag("fast"));
  EXPECT_THAT(values->list("var"), ElementsAre("a=1", "b=2"));
  EXPECT_EQ(values->integer("count"), 4) << "a key without a value counts as unset";
}

TEST_F(OptionTable, HelpIsAskedForWhateverElseIsWrong) {
  EXPECT_TRUE(read({"--help"})->help_asked());
  EXPECT_TRUE(read({"a", "b", "c", "-h"})->help_asked());
}

TEST_F(OptionTable, HelpHoldsEverythingInTheTableWithinEightyColumns) {
  const std::string help = ipc::help_text(kCommand);
  EXPECT_THAT(help, testing::StartsWith("Usage: charter-daemon try [OPTIONS] FIRST [SECOND]\n"));
  for (const OptionSpec& option : kOptions) {
    EXPECT_THAT(help, HasSubstr("--" + std::string(option.name)));
  }
  for (const char* text :
       {"-n, --name", "[default: 4]", "[env: CHARTER_TEST_COUNT]", "[small|large]",
        "[may be repeated]", "  Then says so.", "charter-daemon try a\n", "Tries a.", "   0  done",
        " 130  interrupted", "-h, --help", "  FIRST", "The second."}) {
    EXPECT_THAT(help, HasSubstr(text));
  }
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80U) << line;
}

TEST_F(OptionTable, AskingForWhatTheTableLacksIsABug) {
  EXPECT_THROW((void)read({"a"})->text("absent"), std::logic_error);
  EXPECT_THROW((void)read({"a"})->integer("name"), std::logic_error);
}

TEST(Nearest, FindsSlipsAndUnfinishedWordsButNothingFar) {
  constexpr std::array<std::string_view, 4> words{"start", "status", "stop", "list"};
  EXPECT_EQ(ipc::nearest("strat", words), "start");
  EXPECT_EQ(ipc::nearest("stat", words), "start");
  EXPECT_EQ(ipc::nearest("lst", words), "list");
  EXPECT_EQ(ipc::nearest("statsu", words), "status");
  EXPECT_EQ(ipc::nearest("remove", words), "");
  EXPECT_EQ(ipc::nearest("", words), "");
}

}  // namespace
}  // namespace charter::client
