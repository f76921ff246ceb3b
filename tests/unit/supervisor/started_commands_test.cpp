#include "supervisor/started_commands.h"

#include <gtest/gtest.h>

namespace charter::supervisor {
namespace {

ipc::Started refusal(std::size_t number, std::size_t words) {
  ipc::Started started;
  started.command_id = "c" + std::to_string(number);
  started.ok = false;
  started.message = std::string(words, 'x');
  return started;
}

TEST(StartedCommands, TheLast100000AreKept) {
  StartedCommands started;
  for (std::size_t i = 0; i < kKeptStarts + 10; ++i) started.add(refusal(i, 0));
  EXPECT_EQ(started.size(), kKeptStarts);
  EXPECT_EQ(started.find("c9"), nullptr);
  EXPECT_NE(started.find("c10"), nullptr);
}

// Each may have as many words as a refusal can have.
TEST(StartedCommands, LongOnesAreKeptWhileTheyFit) {
  StartedCommands started;
  constexpr std::size_t kWords = 1U << 20;
  for (std::size_t i = 0; i < 100; ++i) started.add(refusal(i, kWords));
  EXPECT_EQ(started.size(), StartedCommands::kMostTexts / kWords - 1);
  EXPECT_NE(started.find("c99"), nullptr);
  EXPECT_EQ(started.find("c0"), nullptr);
}

}  // namespace
}  // namespace charter::supervisor
