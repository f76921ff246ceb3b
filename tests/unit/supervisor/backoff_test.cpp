// When to dial again: by simulated time, over many trials.
#include "supervisor/link/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace charter::supervisor {
namespace {

using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = Backoff::Clock;

constexpr milliseconds kDelay{1000};
constexpr Clock::time_point kStart{};

// The seconds after the gateway's return at which `daemons` are back, ascending, when it was away
// for `outage` and refuses every connection meanwhile.
std::vector<double> returns(int daemons, milliseconds outage, std::uint64_t seed) {
  std::vector<double> back;
  for (int i = 0; i < daemons; ++i) {
    Backoff backoff(kDelay, seed * 1000 + static_cast<std::uint64_t>(i));
    Clock::time_point now = kStart;
    do {
      now += backoff.next(now);
    } while (now - kStart < outage);
    back.push_back(duration<double>(now - kStart - outage).count());
  }
  std::sort(back.begin(), back.end());
  return back;
}

std::size_t most_in_a_second(const std::vector<double>& sorted) {
  std::size_t most = 0;
  std::size_t first = 0;
  for (std::size_t last = 0; last < sorted.size(); ++last) {
    while (sorted[first] < sorted[last] - 1.0) ++first;
    most = std::max(most, last - first + 1);
  }
  return most;
}

TEST(Backoff, FirstRetryIsUniformOverTwiceTheDelay) {
  constexpr int kTrials = 20'000;
  constexpr int kBins = 10;
  std::vector<int> bins(kBins);
  for (int i = 0; i < kTrials; ++i) {
    Backoff backoff(kDelay, static_cast<std::uint64_t>(i));
    const auto wait = backoff.next(kStart);
    ASSERT_GE(wait, milliseconds(0));
    ASSERT_LE(wait, 2 * kDelay);
    ++bins[static_cast<std::size_t>(std::min<std::int64_t>(wait.count() / 200, kBins - 1))];
  }
  for (const int count : bins) EXPECT_NEAR(count, kTrials / kBins, 250);
}

TEST(Backoff, RangeDoublesAndStaysUnderAMinute) {
  Backoff backoff(kDelay, 7);
  milliseconds longest{0};
  Clock::time_point now = kStart;
  for (int i = 0; i < 2'000; ++i) {
    const auto wait = backoff.next(now);
    if (i < 6) {
      EXPECT_LE(wait, 2 * kDelay * (1 << i));
    }
    longest = std::max(longest, wait);
    now += wait;
  }
  EXPECT_LE(longest, Backoff::kLongestWait);
  EXPECT_GT(longest, seconds(55));
}

TEST(Backoff, HundredDaemonsAreBackSoonAfterTenSecondsAndNotAllAtOnce) {
  constexpr int kTrials = 500;
  double latest = 0;
  std::size_t densest = 0;
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    const auto back = returns(100, seconds(10), trial);
    latest = std::max(latest, back.back());
    densest = std::max(densest, most_in_a_second(back));
  }
  RecordProperty("latest_ms", static_cast<int>(latest * 1000));
  RecordProperty("densest_second", static_cast<int>(densest));
  EXPECT_LE(latest, 20.0);
  EXPECT_LE(densest, 70U);
}

TEST(Backoff, HundredDaemonsDroppedAtOnceComeBackSpreadOut) {
  constexpr std::uint64_t kTrials = 500;
  int dense_trials = 0;
  for (std::uint64_t trial = 0; trial < kTrials; ++trial) {
    const auto back = returns(100, milliseconds(0), trial);
    EXPECT_LE(back.back(), 2.0);
    dense_trials += most_in_a_second(back) > 70 ? 1 : 0;
  }
  // Of 100 uniform over two seconds more than 70 fall into one about once in 700 trials.
  EXPECT_LE(dense_trials, 5);
}

TEST(Backoff, ProgressMakesTheNextFailureAFirstOne) {
  Backoff backoff(kDelay, 3);
  Clock::time_point now = kStart;
  for (int i = 0; i < 30; ++i) now += backoff.next(now);
  backoff.progress();
  for (int i = 0; i < 100; ++i) {
    EXPECT_LE(backoff.next(now), 2 * kDelay);
    backoff.progress();
  }
}

TEST(Backoff, RefusalsNeverMakeATightLoop) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff(kDelay, seed);
    Clock::time_point now = kStart;
    int attempts = 0;
    while (now - kStart < seconds(600)) {
      const auto wait = backoff.next_after_refusal(now);
      EXPECT_GE(wait, kDelay);
      now += wait;
      ++attempts;
    }
    EXPECT_LE(attempts, 30);
  }
}

TEST(Backoff, RetryAfterIsKeptAndSpread) {
  Backoff backoff(kDelay, 5);
  for (int i = 0; i < 50; ++i) {
    const auto wait = backoff.next_after(seconds(30), kStart);
    EXPECT_GE(wait, seconds(30));
    EXPECT_LE(wait, seconds(30) + 4 * kDelay);
  }
  EXPECT_LE(backoff.next_after(std::chrono::hours(1'000), kStart),
            Backoff::kLongestRetryAfter + Backoff::kLongestWait);
}

// A gateway that asks for no wait at all has said no like any other.
TEST(Backoff, RetryAfterOfZeroIsNoTighterThanNone) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    Backoff backoff(kDelay, seed);
    for (Clock::time_point now = kStart; now - kStart < seconds(60);) {
      const auto wait = backoff.next_after(seconds(0), now);
      ASSERT_GE(wait, kDelay);
      now += wait;
    }
  }
}

TEST(Backoff, DelayOfZeroStillPausesNowAndThen) {
  Backoff backoff(milliseconds(0), 11);
  Clock::time_point now = kStart;
  int attempts = 0;
  while (now - kStart < seconds(1)) {
    now += backoff.next(now);
    ++attempts;
  }
  EXPECT_LE(attempts, 100);
}

TEST(RetryAfter, ReadsSecondsAndDates) {
  // 1994-11-06 08:49:37 UTC
  const std::chrono::system_clock::time_point now{seconds(784111777)};
  EXPECT_EQ(parse_retry_after("120", now), seconds(120));
  EXPECT_EQ(parse_retry_after(" 0 ", now), seconds(0));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:50:37 GMT", now), seconds(60));
  EXPECT_EQ(parse_retry_after("Sun, 06 Nov 1994 08:49:00 GMT", now), seconds(0));
  for (const std::string_view text :
       {"", "soon", "-5", "1.5", "Sun, 06 Foo 1994 08:50:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
        "Sun, 31 Feb 1994 08:50:37 GMT", "99999999999999999999x"}) {
    EXPECT_EQ(parse_retry_after(text, now), std::nullopt) << text;
  }
}

// A gateway that wants to be left alone for ages is, as long as anyone is.
TEST(RetryAfter, WhatNoClockHoldsIsTheLongestWait) {
  const std::chrono::system_clock::time_point now{seconds(784111777)};
  for (const std::string_view text :
       {"2147483648", "99999999999999999999", "Fri, 31 Dec 9999 23:59:59 GMT"}) {
    const auto wait = parse_retry_after(text, now);
    ASSERT_TRUE(wait) << text;
    EXPECT_GE(*wait, Backoff::kLongestRetryAfter) << text;
  }
  EXPECT_EQ(parse_retry_after("Thu, 01 Jan 0001 00:00:00 GMT", now), seconds(0));
}

}  // namespace
}  // namespace charter::supervisor
