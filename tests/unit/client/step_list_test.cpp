// Steps as events move them.
#include <gtest/gtest.h>

#include "client/step_list.h"
#include "client/times.h"

namespace charter::client {
namespace {

constexpr const char* kState =
    R"({"run_id":"r1","status":"running","current_step_id":"b","error":"it broke",)"
    R"("workflow_snapshot":{"steps":[{"id":"a","type":"shell"},{"id":"b","type":"gate"},)"
    R"({"id":3,"type":"shell"}]}})";

struct Steps : testing::Test {
  // An event `second` seconds into the run.
  void event(int second, const std::string& body) {
    const std::string at = std::string("2026-01-02T03:04:") + (second < 10 ? "0" : "") +
                           std::to_string(second) + ".000000Z";
    message = R"({"type":"run.event","seq":)" + std::to_string(seq++) + R"(,"occurred_at":")" + at +
              R"(","event":)" + body + "}";
    const auto view = view_event(message);
    ASSERT_TRUE(view.has_value());
    list.take(*view);
  }
  void start(int second, const std::string& step) {
    event(second, R"({"kind":"StepStartEvent","step_id":")" + step + R"("})");
  }
  [[nodiscard]] const StepView& step(std::size_t index) const { return list.steps().at(index); }
  static Fields state(std::string status = "running") {
    std::string text = kState;
    text.replace(text.find("running"), 7, status);
    return Fields::keep(text).value();
  }

  StepList list;
  std::string message;
  int seq = 0;
};

TEST_F(Steps, AreListedFromThePlanBeforeAnyEvent) {
  list.plan(state());
  ASSERT_EQ(list.steps().size(), 3U);
  EXPECT_TRUE(list.planned());
  EXPECT_EQ(step(2).id, "3");
  EXPECT_EQ(step(1).type, "gate");
  EXPECT_EQ(step(0).state, "pending");
  EXPECT_EQ(step(0).attempts, 0);
  EXPECT_EQ(list.current(), nullptr);
}

TEST_F(Steps, CountAttemptsAndTakeTheirDurationFromTheEvents) {
  start(1, "a");
  EXPECT_EQ(step(0).state, "running");
  event(3, R"({"kind":"StepRetryEvent","step_id":"a","attempt":1,"max_attempts":3,"error":"no",)"
           R"("delay_seconds":1})");
  EXPECT_EQ(step(0).state, "retrying");
  EXPECT_EQ(attempts_text(step(0)), "2 of 3");
  EXPECT_EQ(elapsed_ms(step(0), read_wire_time("2026-01-02T03:04:04Z").value()), 3000);
  event(5, R"({"kind":"StepCompleteEvent","step_id":"a","outputs":{"n":1},"duration_ms":4000})");
  EXPECT_EQ(step(0).state, "completed");
  EXPECT_EQ(step(0).duration_ms, 4000);
  EXPECT_EQ(step(0).outputs, R"({"n":1})");
  ASSERT_NE(list.current(), nullptr);
  EXPECT_EQ(list.current()->id, "a");
}

TEST_F(Steps, GatesWaitAndEndWithTheDecision) {
  list.plan(state());
  event(1, R"({"kind":"GatePendingEvent","step_id":"b","show":null,"message":"?"})");
  EXPECT_EQ(step(1).state, "waiting");
  event(9, R"({"kind":"GateDecisionEvent","step_id":"b","approved":true,"note":null})");
  EXPECT_EQ(step(1).state, "completed");
  EXPECT_EQ(step(1).duration_ms, 8000);
}

TEST_F(Steps, AnIdMayBeANumber) {
  list.plan(state());
  event(1, R"({"kind":"StepStartEvent","step_id":3})");
  EXPECT_EQ(list.steps().size(), 3U);
  EXPECT_EQ(step(2).state, "running");
}

TEST_F(Steps, TheEndOfTheRunEndsWhatIsOpenAndWhatWasNotReached) {
  list.plan(state());
  start(1, "a");
  event(4, R"({"kind":"RunCancelledEvent","step_id":"a","note":null})");
  EXPECT_EQ(step(0).state, "cancelled");
  EXPECT_EQ(step(0).duration_ms, 3000);
  EXPECT_EQ(step(1).state, "unreached");
  EXPECT_EQ(list.current(), nullptr);
}

TEST_F(Steps, AStepThatFailedHasItsError) {
  start(1, "a");
  event(2, R"({"kind":"StepFailedEvent","step_id":"a","duration_ms":1,"error":"no \"luck\""})");
  event(2, R"({"kind":"RunFailedEvent","error":"no luck"})");
  EXPECT_EQ(steps_json(list),
            R"([{"step_id":"a","type":null,"state":"failed","attempts":1,"max_attempts":null,)"
            R"("started_at":"2026-01-02T03:04:01.000000Z","duration_ms":1,)"
            R"("error":"no \"luck\""}])");
}

// The step is begun again by the next worker without an end of the first.
TEST_F(Steps, ALostWorkersStepCountsTheSecondBeginning) {
  start(1, "a");
  start(7, "a");
  EXPECT_EQ(step(0).attempts, 2);
  EXPECT_EQ(step(0).started_at, "2026-01-02T03:04:01.000000Z");
}

TEST_F(Steps, AStateFileAloneTellsWhichAreOver) {
  const auto states = [](const Fields& file) {
    std::string text;
    const StepList listed = StepList::from_state(file);
    for (const StepView& one : listed.steps()) {
      text += one.state + " ";
      EXPECT_EQ(one.attempts, std::nullopt);
    }
    return text;
  };
  EXPECT_EQ(states(state("running")), "completed running pending ");
  EXPECT_EQ(states(state("paused")), "completed waiting pending ");
  EXPECT_EQ(states(state("failed")), "completed failed unreached ");
  EXPECT_EQ(states(state("cancelled")), "completed cancelled unreached ");
  EXPECT_EQ(states(state("completed")), "completed completed completed ");
}

}  // namespace
}  // namespace charter::client
