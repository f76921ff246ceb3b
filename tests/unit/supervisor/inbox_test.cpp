// What the gateway's commands take, from the relay through the inbox to their answers.
#include "supervisor/inbox.h"

#include <gmock/gmock.h>

#include <fstream>
#include <optional>

#include "supervisor/relay.h"
#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

using ::testing::HasSubstr;

constexpr std::size_t kMiB = 1U << 20;

class InboxTest : public PartsTest {
 protected:
  void SetUp() override {
    PartsTest::SetUp();
    Relay::Hooks hooks;
    hooks.wake = [] {};
    hooks.up = [] {};
    hooks.received = [this](Inbound message, const GatewayLoad::Held& held) {
      inbox_->received(std::move(message), held);
    };
    relay_.emplace(life_->context().get_executor(), Relay::Settings{"worker"}, *layout_,
                   life_->registry(), std::move(hooks));
    inbox_.emplace(Inbox::Settings{std::chrono::milliseconds(500)}, life_->ledger(),
                   life_->intake(), life_->commands(), started_,
                   [this](CommandAnswer answer) { relay_->answer(std::move(answer)); });
    std::ofstream(layout_->root() + "/unprepared").put('x');
  }
  void TearDown() override {
    relay_.reset();
    PartsTest::TearDown();
  }
  void connect() {
    relay_->link_up(WireProtocol::json);
    std::vector<std::string> hello;
    relay_->fill(hello, kMiB);
  }
  void say(const std::string& message) { EXPECT_TRUE(relay_->received(message)); }

  StartedCommands started_;
  std::optional<Inbox> inbox_;
  std::optional<Relay> relay_;
};

TEST_F(InboxTest, CommandsCountUntilTheyAreAnswered) {
  connect();
  for (int i = 0; i < 8; ++i) {
    EXPECT_FALSE(relay_->crowded()) << i;
    say(R"({"type":"run.start","workflow_id":"w","command_id":")" + std::to_string(i) +
        R"(","variables":{")" + std::to_string(i) + "\":\"" + std::string(8 * kMiB, 'x') + "\"}}");
  }
  EXPECT_TRUE(relay_->crowded());
  std::filesystem::remove(layout_->root() + "/unprepared");
  EXPECT_TRUE(life_->until([&] { return !relay_->crowded(); }));
  std::vector<std::string> answers;
  EXPECT_TRUE(life_->until([&] {
    relay_->fill(answers, kMiB);
    return answers.size() == 8;
  }));
  for (const std::string& answer : answers) EXPECT_THAT(answer, HasSubstr("command.result"));
}

TEST_F(InboxTest, CommandsWithoutAnAnswerCountUntilTheyAreWrittenDown) {
  connect();
  life_->accept("pause");
  ASSERT_TRUE(life_->reaches("pause", RunState::paused));
  life_->conductor().set_holding(true);
  const auto with_note = [](const std::string& message) {
    return message + R"(,"note":")" + std::string(33 * kMiB, 'x') + "\"}";
  };
  for (int i = 0; i < 2; ++i) say(with_note(R"({"type":"run.cancel","run_id":"nobody")"));
  EXPECT_FALSE(relay_->crowded()) << "nothing is to be done";
  // The second waits for what becomes of the first.
  for (int i = 0; i < 2; ++i) {
    say(with_note(R"({"type":"run.resume","run_id":"pause","approved":true)"));
  }
  EXPECT_TRUE(relay_->crowded());
  EXPECT_TRUE(life_->until([&] { return !relay_->crowded(); }));
  EXPECT_NE(life_->find("pause")->decision(), nullptr);
}

}  // namespace
}  // namespace charter::supervisor::tests
