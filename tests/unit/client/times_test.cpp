// Times of the wire: read, compared with, and told from now.
#include <gtest/gtest.h>

#include "client/times.h"

namespace charter::client {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kDay = 24 * kHour;

TEST(WireTime, IsReadInEveryFormThatSomebodyWrites) {
  const std::int64_t noon = 1'767'355'445'000;  // 2026-01-02T12:04:05Z
  EXPECT_EQ(read_wire_time("2026-01-02T12:04:05Z"), noon);
  EXPECT_EQ(read_wire_time("2026-01-02 12:04:05"), noon);
  EXPECT_EQ(read_wire_time("2026-01-02T12:04:05+00:00"), noon);
  EXPECT_EQ(read_wire_time("2026-01-02T12:04:05.5Z"), noon + 500);
  EXPECT_EQ(read_wire_time("2026-01-02T12:04:05.123456Z"), noon + 123);
  EXPECT_EQ(read_wire_time("2026-01-02"), noon - noon % kDay);
  EXPECT_EQ(read_wire_time("1970-01-01T00:00:00Z"), 0);
}

TEST(WireTime, AnythingElseIsNone) {
  for (const char* text :
       {"", "today", "2026", "2026-13-01", "2026-02-30", "2026-01-02T", "2026-01-02T25:00:00Z",
        "2026-01-02T12:60:00Z", "2026-01-02T12:04:05.Z", "2026-01-02T12:04:05+02:00",
        "2026-01-02T12:04:05Z and more", "2026-1-2", "-026-01-02", "2026-01-02x"}) {
    EXPECT_EQ(read_wire_time(text), std::nullopt) << text;
  }
}

TEST(Ago, GrowsCoarserAndEndsWithTheDay) {
  const std::string then = "2026-01-02T12:04:05.250Z";
  const std::int64_t at = read_wire_time(then).value();
  EXPECT_EQ(ago(then, at), "just now");
  EXPECT_EQ(ago(then, at + 999), "just now");
  EXPECT_EQ(ago(then, at + kSecond), "1 s ago");
  EXPECT_EQ(ago(then, at + 59 * kSecond), "59 s ago");
  EXPECT_EQ(ago(then, at + 60 * kSecond), "1 min ago");
  EXPECT_EQ(ago(then, at + kHour), "1 h ago");
  EXPECT_EQ(ago(then, at + 47 * kHour), "47 h ago");
  EXPECT_EQ(ago(then, at + 2 * kDay), "2 d ago");
  EXPECT_EQ(ago(then, at + 30 * kDay), "30 d ago");
  EXPECT_EQ(ago(then, at + 31 * kDay), "2026-01-02");
}

TEST(Ago, TellsTheTimeAheadInFullAndLeavesWhatIsNone) {
  const std::int64_t at = read_wire_time("2026-01-02T12:04:05Z").value();
  EXPECT_EQ(ago("2026-01-02T12:04:06Z", at), "just now") << "clocks that agree differ by this";
  EXPECT_EQ(ago("2026-01-03T12:04:06Z", at), "2026-01-03 12:04:06");
  EXPECT_EQ(ago("some\x1b[2J", at), "some\\x1b[2J");
}

}  // namespace
}  // namespace charter::client
