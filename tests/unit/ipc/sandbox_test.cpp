#include "ipc/sandbox.h"

#include <gtest/gtest.h>

namespace charter::ipc {
namespace {

TEST(SandboxAbility, ReadsWhatItWrote) {
  SandboxAbility ability;
  ability.level = 1;
  ability.landlock = 4;
  ability.missing = {{1, "files elsewhere"}, {2, "no mount namespace: line one\nline two"}};
  const auto again = read_ability(to_text(ability));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->level, 1U);
  EXPECT_EQ(again->landlock, 4);
  ASSERT_EQ(again->missing.size(), 2U);
  EXPECT_EQ(again->missing[1].level, 2U);
  EXPECT_EQ(again->missing[1].what, "no mount namespace: line one line two");
  EXPECT_EQ(again->refusal(), "");
}

// What a worker of another version, or a dying one, might say.
TEST(SandboxAbility, RefusesEverythingElse) {
  for (const char* text : {"level", "level 2", "level 3\n", "level -1\n", "level 1 2\n",
                           "landlock x\n", "missing none\n", "more 1\n", "level 1\nlevel"}) {
    EXPECT_FALSE(read_ability(text)) << text;
  }
  const auto nothing = read_ability("");
  ASSERT_TRUE(nothing);
  EXPECT_EQ(nothing->level, 0U);
  EXPECT_NE(nothing->refusal(), "");
}

}  // namespace
}  // namespace charter::ipc
