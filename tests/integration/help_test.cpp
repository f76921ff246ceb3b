// What the program says of itself: topics, and what a misspelt word was meant to be.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "tests/support/command_examples.h"
#include "tests/support/daemon_process.h"

namespace charter::tests {
namespace {

using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kUsage = 2;

class Help : public ::testing::Test {
 protected:
  void SetUp() override {
    if (testing_the_reference()) GTEST_SKIP() << "the reference has no topics";
  }
  Finished charter(std::vector<std::string> arguments) const {
    return charter_daemon(project, std::move(arguments));
  }
  // Of the lines below "Topics of help:", the first words.
  std::vector<std::string> topics() const {
    std::istringstream lines(charter({"help"}).out);
    std::vector<std::string> names;
    bool here = false;
    for (std::string line; std::getline(lines, line);) {
      if (line == "Topics of help:") {
        here = true;
      } else if (here && !line.starts_with("  ")) {
        break;
      } else if (here) {
        names.push_back(line.substr(2, line.find(' ', 2) - 2));
      }
    }
    return names;
  }
  ProjectFixture project;
};

// An example in a text for people that is out of date teaches what does not work.
TEST_F(Help, WhatTopicsShowCanBeTyped) {
  const auto names = topics();
  ASSERT_GE(names.size(), 10U);
  std::size_t examples = 0;
  for (const std::string& topic : names) {
    const Finished shown = charter({"help", topic});
    ASSERT_EQ(shown.code, 0) << topic;
    ASSERT_TRUE(shown.out.starts_with(topic + ": ")) << "a command has its name: " << topic;
    std::istringstream lines(shown.out);
    for (std::string line; std::getline(lines, line);) {
      EXPECT_LE(line.size(), 110U) << topic;
      if (!line.starts_with("    charter-daemon ")) continue;
      ++examples;
      const auto words = shell_commands(line.substr(4)).front();
      const Finished help = charter({words.at(1), "--help"});
      ASSERT_EQ(help.code, 0) << line;
      for (const std::string& word : words) {
        if (!word.starts_with("--")) continue;
        const std::string option = word.substr(0, word.find('='));
        EXPECT_THAT(help.out, AnyOf(HasSubstr(option + "\n"), HasSubstr(option + " "))) << line;
      }
    }
  }
  EXPECT_GE(examples, 15U);
}

TEST_F(Help, AMisspeltWordGetsWhatWasMeant) {
  const auto said = [this](std::vector<std::string> arguments) {
    const Finished done = charter(std::move(arguments));
    EXPECT_EQ(done.code, kUsage);
    EXPECT_EQ(done.out, "");
    return done.err;
  };
  EXPECT_THAT(said({"lsit"}), HasSubstr("Did you mean 'list'?"));
  EXPECT_THAT(said({"help", "aprovals"}), HasSubstr("Did you mean 'approvals'?"));
  EXPECT_THAT(said({"help", "stauts"}), HasSubstr("Did you mean 'status'?"));
  EXPECT_THAT(said({"list", "--worflow", "x"}), HasSubstr("Did you mean '--workflow'?"));
  EXPECT_THAT(said({"manual", "lsit"}), HasSubstr("No such command 'lsit'"));
  EXPECT_THAT(said({"manual", "list", "--topics"}), HasSubstr("not both"));
}

// man takes a page that groff finds fault with, and shows it wrongly.
TEST_F(Help, ThePageOfTopicsHasThemAll) {
  const Finished page = charter({"manual", "--topics"});
  ASSERT_EQ(page.code, 0);
  EXPECT_THAT(page.out, HasSubstr(".TH CHARTER-DAEMON 7 "));
  EXPECT_THAT(page.out, HasSubstr(".SH GETTING STARTED\n"));
  EXPECT_THAT(page.out, HasSubstr(".SH ENVIRONMENT\n"));
  EXPECT_THAT(page.out, HasSubstr("CHARTER_DAEMON_TOKEN_FILE"));
  std::istringstream lines(page.out);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('.') || line.starts_with("\\&")) continue;
    const std::string request = line.substr(0, line.find(' '));
    EXPECT_TRUE(request == ".TH" || request == ".SH" || request == ".PP" || request == ".RS" ||
                request == ".RE" || request == ".nf" || request == ".fi" || request == ".TP" ||
                request == ".BR")
        << line;
  }
}

}  // namespace
}  // namespace charter::tests
