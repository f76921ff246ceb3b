// The line at the foot of a terminal: what it says, and that it fits.
#include <gtest/gtest.h>

#include "client/progress.h"
#include "client/text.h"
#include "client/times.h"

namespace charter::client {
namespace {

constexpr std::string_view kAt = "2026-01-02T03:04:05.000000Z";

struct Progress : testing::Test {
  void event(const std::string& body) {
    message = R"({"type":"run.event","seq":0,"occurred_at":")" + std::string(kAt) +
              R"(","event":)" + body + "}";
    list.take(view_event(message).value());
  }
  void plan(const std::string& first = "build") {
    list.plan(Fields::keep(R"({"workflow_snapshot":{"steps":[{"id":")" + first +
                           R"(","type":"shell"},{"id":"ask","type":"gate"}]}})")
                  .value());
  }
  [[nodiscard]] std::string after(std::int64_t ms, std::size_t width = 80,
                                  bool colour = false) const {
    return progress_text(list, {width, colour}, read_wire_time(kAt).value() + ms);
  }
  StepList list;
  std::string message;
};

TEST_F(Progress, SaysHowManyAreDoneAndWhichOneMoves) {
  EXPECT_EQ(after(0), "0  waits to begin");
  plan();
  EXPECT_EQ(after(0), "0/2  waits to begin");
  event(R"({"kind":"StepStartEvent","step_id":"build"})");
  EXPECT_EQ(after(1500), "0/2  build  1.5 s");
  event(R"({"kind":"StepRetryEvent","step_id":"build","attempt":1,"max_attempts":3,)"
        R"("error":"no","delay_seconds":2.5})");
  EXPECT_EQ(after(2000), "0/2  build  attempt 2 of 3 soon  2.0 s");
  list.pass_time(read_wire_time(kAt).value() + 2499);
  EXPECT_EQ(after(2499), "0/2  build  attempt 2 of 3 soon  2.4 s");
  list.pass_time(read_wire_time(kAt).value() + 2500);
  EXPECT_EQ(after(2500), "0/2  build  attempt 2 of 3  2.5 s");
  event(R"({"kind":"StepCompleteEvent","step_id":"build","outputs":{},"duration_ms":3000})");
  event(R"({"kind":"GatePendingEvent","step_id":"ask","show":null,"message":"?"})");
  EXPECT_EQ(after(61'000), "1/2  ask  waits for approval  1 min 1 s");
}

TEST_F(Progress, OfARunThatHasEndedWaitsForNothing) {
  plan();
  for (const std::string step : {"build", "ask"}) {
    event(R"({"kind":"StepStartEvent","step_id":")" + step + R"("})");
    event(R"({"kind":"StepCompleteEvent","step_id":")" + step + R"(","outputs":{}})");
  }
  event(R"({"kind":"RunCompleteEvent","outputs":{}})");
  EXPECT_EQ(after(0), "2/2  over");
}

TEST_F(Progress, TheNameGivesWayAndNoWindowIsTooNarrow) {
  plan("a-step-with-a-very-long-name");
  event(R"({"kind":"StepStartEvent","step_id":"a-step-with-a-very-long-name"})");
  EXPECT_EQ(after(1000, 30), "0/2  a-step-with-a-ve…  1.0 s");
  for (std::size_t width = 0; width < 60; ++width) {
    EXPECT_LT(columns_of(after(1000, width)), std::max<std::size_t>(width, 1)) << width;
  }
}

TEST_F(Progress, WideLettersAndControlCharactersKeepTheWidth) {
  plan("建設\\u001b[2J作業作業作業");
  event(R"({"kind":"StepStartEvent","step_id":"建設\u001b[2J作業作業作業"})");
  for (std::size_t width = 10; width < 60; ++width) {
    const std::string text = after(1000, width);
    EXPECT_LT(columns_of(text), width);
    EXPECT_EQ(text.find('\x1b'), std::string::npos);
  }
}

TEST_F(Progress, IsColouredOnlyWhereColourIsWanted) {
  plan();
  event(R"({"kind":"GatePendingEvent","step_id":"ask","show":null,"message":"?"})");
  EXPECT_EQ(after(0, 80, false).find('\x1b'), std::string::npos);
  EXPECT_NE(after(0, 80, true).find("\x1b[33m"), std::string::npos);
}

// A window made narrower wraps what stood in one line: all of its rows go.
TEST(EraseText, TakesEveryRowThatTheLineNowHas) {
  EXPECT_EQ(erase_text(20, 80), "\r\x1b[J");
  EXPECT_EQ(erase_text(80, 80), "\r\x1b[J");
  EXPECT_EQ(erase_text(81, 80), "\r\x1b[A\x1b[J");
  EXPECT_EQ(erase_text(50, 20), "\r\x1b[A\x1b[A\x1b[J");
  EXPECT_EQ(erase_text(5, 0), "\r\x1b[J");
}

TEST(EventLine, OnANarrowScreenHasNeitherNumberNorDay) {
  const std::string message = R"({"type":"run.event","seq":3,"occurred_at":"2026-01-02T03:04:05Z",)"
                              R"("event":{"kind":"StepStartEvent","step_id":"compile"}})";
  const auto view = view_event(message).value();
  EXPECT_EQ(event_line(view, {71, false}), "03:04:05  compile            started\n");
  EXPECT_EQ(event_line(view, {24, false}), "03:04:05  compi…  start…\n");
  EXPECT_EQ(event_line(view, {72, false}),
            "    3  2026-01-02 03:04:05  compile               started\n");
}

}  // namespace
}  // namespace charter::client
