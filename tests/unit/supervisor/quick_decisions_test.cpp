// Decisions that come while the burst before them has not closed.
#include <gtest/gtest.h>

#include <csignal>

#include "supervisor/burst.h"
#include "tests/unit/supervisor/parts_fixture.h"

namespace charter::supervisor::tests {
namespace {

constexpr std::uint32_t kGates = 5;

class QuickDecisions : public PartsTest {};

// Each is for the pause that its burst has just come to, and none of them was in vain.
TEST_F(QuickDecisions, AllTakeEffectHoweverManyComeInARow) {
  life_->accept("gates");
  const RunPtr run = life_->find("gates");
  for (std::uint32_t gate = 1; gate <= kGates; ++gate) {
    ASSERT_TRUE(life_->until([&] {
      return run->pauses == gate && run->state == RunState::ending &&
             run->burst->guardian != nullptr;
    })) << "it never came to gate "
        << gate;
    EXPECT_EQ(life_->approve("gates"), std::nullopt) << gate;
    ASSERT_EQ(::kill(run->burst->guardian->pid(), SIGKILL), 0);
  }
  ASSERT_TRUE(life_->until([&] { return run->pauses == kGates + 1; }));
  ASSERT_EQ(::kill(run->burst->guardian->pid(), SIGKILL), 0);
  ASSERT_TRUE(life_->reaches("gates", RunState::paused));
  EXPECT_EQ(life_->cancel("gates"), std::nullopt);
  EXPECT_TRUE(life_->reaches("gates", RunState::finished));
}

}  // namespace
}  // namespace charter::supervisor::tests
