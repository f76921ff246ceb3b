// When to dial again. Pure arithmetic: time comes in, a wait goes out.
//
// Many daemons lose one gateway in the same instant, so every wait is random over its whole range.
// The range doubles with each try, from twice the reconnect delay up to kLongestWait, but exceeds
// the time the outage has lasted by no more than four delays: whoever waits when the gateway
// returns is back within little more than it was away.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <random>
#include <string_view>

namespace charter::supervisor {

class Backoff {
 public:
  using Clock = std::chrono::steady_clock;
  using Milliseconds = std::chrono::milliseconds;

  static constexpr Milliseconds kLongestWait = std::chrono::seconds(60);
  // More than this of a Retry-After is not believed.
  static constexpr Milliseconds kLongestRetryAfter = std::chrono::hours(1);

  Backoff(Milliseconds reconnect_delay, std::uint64_t seed);

  // The wait after a try that failed or a connection that was lost at `now`.
  [[nodiscard]] Milliseconds next(Clock::time_point now);
  // As next(), for a gateway that answered and said no: such an answer rarely changes within
  // moments, so half the range is kept as a floor.
  [[nodiscard]] Milliseconds next_after_refusal(Clock::time_point now);
  // As next_after_refusal(), but not before what the gateway asked for.
  [[nodiscard]] Milliseconds next_after(Milliseconds retry_after, Clock::time_point now);
  // Something was confirmed on a connection that stood: the next failure is a first one.
  void progress();

 private:
  [[nodiscard]] Milliseconds range(Clock::time_point now);
  [[nodiscard]] Milliseconds between(Milliseconds low, Milliseconds high);

  Milliseconds first_range_;
  std::uint32_t failures_ = 0;
  std::optional<Clock::time_point> down_since_;
  std::mt19937_64 random_;
};

// The value of a Retry-After header: seconds, or a date of HTTP's usual form against `now`.
// Nothing when it is neither; never negative.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_retry_after(
    std::string_view value, std::chrono::system_clock::time_point now);

}  // namespace charter::supervisor
