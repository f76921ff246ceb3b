// Runs of many steps: what one step costs does not depend on how many were before it.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

// Hands a run off and waits; from the request to its last event's arrival at the gateway.
milliseconds duration_of(Started& scene, const std::string& run, const std::string& workflow) {
  const auto begun = std::chrono::steady_clock::now().time_since_epoch();
  EXPECT_TRUE(scene.run(run, workflow).ok);
  EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent");
  std::int64_t last = 0;
  for (const Message& message : scene.gateway.of_type("run.event")) {
    if (text_of(message.json, "run_id") == run) last = message.at_ns;
  }
  return std::chrono::duration_cast<milliseconds>(std::chrono::nanoseconds(last) - begun);
}

TEST(LongRun, FiveThousandStateStepsTakeLessThanFiveSecondsAndTenTimesFiveHundred) {
  constexpr int kFew = 500;
  constexpr int kMany = 5000;
  Started scene;
  scene.project.add_workflow("few", state_steps(kFew));
  scene.project.add_workflow("many", state_steps(kMany));
  milliseconds few = milliseconds::max();
  milliseconds many = milliseconds::max();
  // The best of three each: another build on the machine slows one down and not the other.
  for (int round = 0; round < 3; ++round) {
    const std::string number = std::to_string(round);
    few = std::min(few, duration_of(scene, "few-" + number, "few"));
    many = std::min(many, duration_of(scene, "many-" + number, "many"));
  }
  RecordProperty("few_ms", static_cast<int>(few.count()));
  RecordProperty("many_ms", static_cast<int>(many.count()));
  EXPECT_EQ(scene.gateway.events("many-0").size(), 2U * kMany + 1);
  EXPECT_LT(many, milliseconds(5000));
  // Twice the ratio of the steps, and one synced group's time, leave room for noise.
  EXPECT_LT(many, 2 * kMany / kFew * few + milliseconds(100)) << few.count() << " ms for " << kFew;
}

}  // namespace
}  // namespace charter::tests
