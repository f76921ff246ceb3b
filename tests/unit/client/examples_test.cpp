// What help shows as examples can be typed.
#include <gtest/gtest.h>

#include "client/client.h"
#include "client/teaching.h"
#include "client/topics.h"
#include "tests/support/command_examples.h"

namespace charter::client {
namespace {

using tests::fault_of_example;
using tests::faults_of_examples;
using tests::shell_commands;

std::vector<const ipc::CommandSpec*> commands() {
  std::vector<const ipc::CommandSpec*> all(client_commands().begin(), client_commands().end());
  all.push_back(&kCompletionTable);
  all.push_back(&kManualTable);
  return all;
}

TEST(Examples, EveryCommandHasOneThatItsTableReads) {
  const auto all = commands();
  for (const ipc::CommandSpec* command : all) EXPECT_EQ(faults_of_examples(*command, all), "");
}

// The check itself: what is wrong in an example is found.
TEST(Examples, AWrongOneIsFound) {
  const auto all = commands();
  std::vector<std::string> uses;
  const auto fault = [&](std::string_view line) { return fault_of_example(line, all, uses); };
  EXPECT_EQ(fault("charter-daemon list --status failed | less"), "");
  EXPECT_NE(fault("charter-daemon lost"), "");
  EXPECT_NE(fault("charter-daemon list --colour"), "");
  EXPECT_NE(fault("charter-daemon list --status done"), "");
  EXPECT_NE(fault("true && charter-daemon wait"), "");
  EXPECT_EQ(uses.size(), 5U);
}

TEST(Examples, WordsAreThoseOfAShell) {
  using Words = std::vector<std::vector<std::string>>;
  EXPECT_EQ(shell_commands("a 'b c' d\\ e\"f\""), (Words{{"a", "b c", "d ef"}}));
  EXPECT_EQ(shell_commands("x ''|y"), (Words{{"x", ""}, {"y"}}));
  EXPECT_EQ(shell_commands("source <(a b)"), (Words{{"source"}, {"a", "b"}, {}}));
}

// A topic that has the name of a command would never be shown.
TEST(Topics, AreNoCommandsAndFitATerminal) {
  for (const ipc::Topic& topic : topics()) {
    EXPECT_EQ(topic.name.find(' '), std::string_view::npos);
    for (const ipc::CommandSpec* command : commands()) EXPECT_NE(topic.name, command->name);
    const std::string text = ipc::topic_text(topic, commands());
    EXPECT_TRUE(text.starts_with(topic.name)) << topic.name;
    EXPECT_FALSE(text.ends_with("\n\n")) << topic.name;
  }
}

TEST(Topics, TellOfEveryVariableAndExitCodeOfTheTables) {
  const auto text_of = [](std::string_view name) {
    for (const ipc::Topic& topic : topics()) {
      if (topic.name == name) return ipc::topic_text(topic, commands());
    }
    return std::string();
  };
  const std::string variables = text_of("environment");
  const std::string codes = text_of("exit-codes");
  for (const ipc::CommandSpec* command : commands()) {
    for (const ipc::OptionSpec& option : command->options) {
      EXPECT_NE(variables.find(option.variable), std::string::npos) << option.variable;
    }
    for (const ipc::ExitCode& code : command->exit_codes) {
      EXPECT_NE(codes.find("\n  " + std::to_string(code.code) + " "), std::string::npos);
    }
  }
}

}  // namespace
}  // namespace charter::client
