// Waiting in tests: on a condition, with a named limit, never on the clock alone.
#pragma once

#include <chrono>
#include <thread>

namespace charter::tests {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// How long something may take that is expected at once. Generous: a sanitized build on a busy
// machine must fit, and a passing test never waits for it.
inline constexpr milliseconds kSoon{20'000};
// A whole small run, from hand-off to the gateway.
inline constexpr milliseconds kRunTime{40'000};

// Asks `condition` until it holds or `limit` has passed; says whether it held.
template <class Condition>
[[nodiscard]] bool eventually(milliseconds limit, Condition&& condition) {
  const auto deadline = Clock::now() + limit;
  while (!condition()) {
    if (Clock::now() >= deadline) return condition();
    std::this_thread::sleep_for(milliseconds(2));
  }
  return true;
}

// The opposite: holds for all of `period`. For what must not happen.
template <class Condition>
[[nodiscard]] bool throughout(milliseconds period, Condition&& condition) {
  const auto deadline = Clock::now() + period;
  while (Clock::now() < deadline) {
    if (!condition()) return false;
    std::this_thread::sleep_for(milliseconds(5));
  }
  return condition();
}

[[nodiscard]] inline milliseconds since(Clock::time_point start) {
  return std::chrono::duration_cast<milliseconds>(Clock::now() - start);
}

}  // namespace charter::tests
