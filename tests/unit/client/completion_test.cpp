#include "ipc/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "client/client.h"
#include "client/commands.h"
#include "ipc/manual.h"

namespace charter::client {
namespace {

using ipc::Completion;
using ipc::Names;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

Completion complete(std::vector<std::string_view> line) {
  static constexpr std::array<std::string_view, 2> kTopics{"limits", "runs"};
  return ipc::complete(client_commands(), kTopics, line);
}

TEST(Completion, FirstWordIsACommand) {
  EXPECT_THAT(complete({"st"}).words, ElementsAre("status", "stop"));
  EXPECT_THAT(complete({""}).words, Contains("help"));
  EXPECT_THAT(complete({"help", "li"}).words, ElementsAre("list", "limits"));
  EXPECT_THAT(complete({"help", "runs", ""}).words, IsEmpty());
}

TEST(Completion, OptionsAreThoseOfTheCommandThatAreNotGivenYet) {
  EXPECT_THAT(complete({"kill", "--gr"}).words, ElementsAre("--grace"));
  EXPECT_THAT(complete({"list", "--json", "--js"}).words, IsEmpty());
  EXPECT_THAT(complete({"run", "--var", "a=b", "--va"}).words, ElementsAre("--var"));
  EXPECT_THAT(complete({"list", "--"}).words, Contains("--help"));
}

TEST(Completion, ValuesAreThoseOfTheOption) {
  EXPECT_THAT(complete({"dev", "--log-level", "wa"}).words, ElementsAre("warning"));
  EXPECT_THAT(complete({"dev", "--log-level=wa"}).words, ElementsAre("--log-level=warning"));
  EXPECT_EQ(complete({"list", "--project-path", "/t"}).names, Names::directories);
  EXPECT_EQ(complete({"list", "--project-path=/t"}).names, Names::directories);
  EXPECT_EQ(complete({"list", "--socket-path", ""}).names, Names::files);
}

TEST(Completion, ArgumentsAreNamesOfRunsAndWorkflows) {
  EXPECT_EQ(complete({"kill", ""}).names, Names::runs);
  EXPECT_EQ(complete({"kill", "--grace", "5", ""}).names, Names::runs);
  EXPECT_EQ(complete({"run", ""}).names, Names::workflows);
  EXPECT_EQ(complete({"run", "one", ""}).names, Names::nothing);
  EXPECT_EQ(complete({"wait", "one", "two", ""}).names, Names::runs);
  EXPECT_EQ(complete({"kill", "--", "-x"}).names, Names::runs);
  EXPECT_EQ(complete({"nothing-such", ""}).names, Names::nothing);
}

TEST(Completion, NamesAreLookedUpWhereTheLineSays) {
  EXPECT_THAT(complete({"kill", "--project-path", "/a b", "--socket-path=/s", ""}).where,
              ElementsAre("--project-path", "/a b", "--socket-path", "/s"));
}

TEST(Completion, NothingIsOfferedForNothing) {
  EXPECT_THAT(complete({}).words, IsEmpty());
  EXPECT_THAT(complete({"--version", ""}).words, IsEmpty());
}

TEST(Manual, SaysWhatTheTableSays) {
  const std::string page = ipc::manual_page(kKillTable, "1.2.3");
  EXPECT_THAT(page, HasSubstr(".TH CHARTER-DAEMON-KILL 1 \"\" \"charter\\-daemon 1.2.3\""));
  EXPECT_THAT(page, HasSubstr("\\fB\\-\\-grace\\fR \\fISECONDS\\fR"));
  EXPECT_THAT(page, HasSubstr(".SH EXIT STATUS"));
}

TEST(Manual, NoLineOfTextIsTakenForARequest) {
  static constexpr std::array kOptions{
      ipc::OptionSpec{.name = "path", .help = ".charter is where 'it' is, in C:\\x"}};
  static constexpr ipc::CommandSpec kTable{
      .name = "odd", .summary = "'quoted'", .description = ".dot", .options = kOptions};
  const std::string page = ipc::manual_page(kTable, "1");
  EXPECT_THAT(page, HasSubstr("\n\\&.charter is where 'it' is, in C:\\ex\n"));
  EXPECT_THAT(page, HasSubstr("\n\\&.dot\n"));
}

TEST(Manual, OverviewNamesEachCommand) {
  const std::string page = ipc::manual_overview(client_commands(), "1");
  for (const ipc::CommandSpec* command : client_commands()) {
    EXPECT_THAT(page, HasSubstr("\\-" + std::string(command->name) + " (1)"));
  }
}

}  // namespace
}  // namespace charter::client
