#include "client/table.h"
#include "client/times.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "client/event_view.h"
#include "client/run_view.h"
#include "client/text.h"

namespace charter::client {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

Table two_runs() {
  Table table(
      {{.title = "RUN"}, {.title = "N", .right = true}, {.title = "ERROR", .elastic = true}});
  table.add({{"first"}, {"7"}, {"none to speak of"}});
  table.add({{"second-run"}, {"123"}, {"worker died: signal 11 (SIGSEGV)", Tone::bad}});
  return table;
}

TEST(TableText, AlignsColumnsAndLeavesNoTrailingBlanks) {
  EXPECT_EQ(two_runs().render({}),
            "RUN           N  ERROR\n"
            "first         7  none to speak of\n"
            "second-run  123  worker died: signal 11 (SIGSEGV)\n");
}

TEST(TableText, FitsATerminalByCuttingElasticColumnsFirst) {
  EXPECT_EQ(two_runs().render({.width = 30}),
            "RUN           N  ERROR\n"
            "first         7  none to spea…\n"
            "second-run  123  worker died:…\n");
  const std::string narrow = two_runs().render({.width = 16});
  EXPECT_NE(narrow.find("seco…"), std::string::npos) << narrow;
}

std::string run_line(std::string_view id, std::string_view error) {
  return R"({"run_id":")" + std::string(id) +
         R"(","workflow_id":"nightly-report-of-everything","state":"finished","status":"failed",)"
         R"("started_at":"2026-01-02T03:04:05Z","step":"collect-the-numbers","by":"daemon",)"
         R"("events":1234,"delivered":1200,"error":")" +
         std::string(error) + R"("})";
}

// Ids are what is typed next, and no shorter one stands for them.
TEST(TableText, RunIdsAreWholeWhileAnythingElseCanGiveWay) {
  const std::string id = "3f2c1a9e-8b7d-4c6a-9e0f-1a2b3c4d5e6f";
  const auto run = Fields::keep(run_line(id, "Shell step 'collect-the-numbers' failed"));
  ASSERT_TRUE(run);
  for (const std::size_t width : {200U, 120U, 80U, 64U}) {
    const std::string text = runs_text({*run}, {width, false}, 0);
    EXPECT_THAT(text, HasSubstr(id + "  ")) << text;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) EXPECT_LE(columns_of(line), width) << text;
  }
  const std::string narrow = runs_text({*run}, {80, false}, 0);
  EXPECT_THAT(narrow, HasSubstr("WORKFLOW"));
  EXPECT_THAT(narrow, HasSubstr("failed"));
  EXPECT_THAT(narrow, Not(HasSubstr("EVENTS")));
  EXPECT_THAT(runs_text({*run}, {}, 0), HasSubstr("EVENTS"));
}

TEST(TableText, ColoursOnlyWhereAsked) {
  EXPECT_NE(two_runs().render({.colour = true}).find("\x1b[31mworker died"), std::string::npos);
  EXPECT_EQ(two_runs().render({}).find('\x1b'), std::string::npos);
}

TEST(TableText, WhatOthersWroteCannotSteerTheTerminal) {
  Table table({{.title = "NAME"}, {.title = "X"}});
  table.add({{"a\x1b[2J\nb\tc\x7f"}, {"\xff\xc2\x9b"}});
  EXPECT_EQ(table.render({}),
            "NAME                X\n"
            "a\\x1b[2J\\nb\\tc\\x7f  \uFFFD\\x9b\n");
}

TEST(TextWidth, CountsWideAndCombiningCharacters) {
  EXPECT_EQ(columns_of("abc"), 3U);
  EXPECT_EQ(columns_of("äöü"), 3U);
  EXPECT_EQ(columns_of("e\u0301"), 1U);
  EXPECT_EQ(columns_of("運転"), 4U);
  EXPECT_EQ(columns_of("🚀"), 2U);
  EXPECT_EQ(cut("運転手", 5), "運転…");
  EXPECT_EQ(cut("運転手", 4), "運…");
  EXPECT_EQ(cut("abc", 3), "abc");
  EXPECT_EQ(cut("abc", 0), "");
}

TEST(TextWidth, TellsDurationsInTheUnitThatFits) {
  EXPECT_EQ(duration_text(0), "0 ms");
  EXPECT_EQ(duration_text(999), "999 ms");
  EXPECT_EQ(duration_text(12'345), "12.3 s");
  EXPECT_EQ(duration_text(200'000), "3 min 20 s");
  EXPECT_EQ(duration_text(7'500'000), "2 h 5 min");
}

std::string described(std::string_view event) {
  const std::string message =
      R"({"type":"run.event","seq":3,"occurred_at":"x","event":)" + std::string(event) + "}";
  return describe(*view_event(message));
}

TEST(EventText, SaysEveryKindInWords) {
  EXPECT_EQ(described(R"({"kind":"StepStartEvent","step_id":"a"})"), "started");
  EXPECT_EQ(described(R"({"kind":"StepCompleteEvent","step_id":"a","duration_ms":1500})"),
            "done in 1.5 s");
  EXPECT_EQ(described(R"({"kind":"StepFailedEvent","duration_ms":5,"error":"no"})"),
            "failed after 5 ms: no");
  EXPECT_EQ(described(R"({"kind":"StepRetryEvent","attempt":1,"max_attempts":3,)"
                      R"("error":"no","delay_seconds":0.5})"),
            "attempt 1 of 3 failed, again in 0.5 s: no");
  EXPECT_EQ(described(R"({"kind":"GatePendingEvent","show":null,"message":"Go?"})"),
            "waits for approval: Go?");
  EXPECT_EQ(described(R"({"kind":"GateDecisionEvent","approved":false,"note":"bad"})"),
            "denied: bad");
  EXPECT_EQ(described(R"({"kind":"GateDecisionEvent","approved":true,"note":null})"), "approved");
  EXPECT_EQ(described(R"({"kind":"RunCancelledEvent","note":null})"), "run cancelled");
  EXPECT_EQ(described(R"({"kind":"RunFailedEvent","error":"no"})"), "run failed: no");
  EXPECT_EQ(described(R"({"kind":"RunCompleteEvent"})"), "run completed");
  EXPECT_EQ(described(R"({"kind":"LaterEvent"})"), "LaterEvent");
}

TEST(EventText, LinesStandBelowEachOtherAndFitTheScreen) {
  const std::string message =
      R"({"type":"run.event","run_id":"r","seq":12,"occurred_at":"2026-01-02T03:04:05.1Z",)"
      R"("event":{"kind":"StepFailedEvent","step_id":7,"duration_ms":5,"error":"a\u001b[2Jb"}})";
  const auto event = view_event(message);
  EXPECT_EQ(event_line(*event, {}),
            "   12  2026-01-02 03:04:05  7                     failed after 5 ms: a\\x1b[2Jb\n");
  EXPECT_EQ(columns_of(event_line(*event, {.width = 75})) - 1, 75U) << "cut";
  EXPECT_EQ(columns_of(event_line(*event, {.width = 40})) - 1, 40U)
      << "cut, and of a narrow screen";
  EXPECT_EQ(event_heading({}).find("EVENT"), event_line(*event, {}).find("failed"));
}

TEST(RunText, ShowsAQueuedRunAsWaitingForASlot) {
  const auto run = Fields::read(
      R"({"run_id":"r","workflow_id":"w","state":"queued","status":"pending","events":0})");
  EXPECT_NE(run_text(*run, {}, 0).find("queued, waiting for a slot"), std::string::npos);
}

TEST(RunText, ShowsFinishedRunsByTheirStatusAndNamesUndeliveredEvents) {
  const std::string text =
      R"({"run_id":"r","workflow_id":"w","state":"finished","status":"failed","events":5,)"
      R"("delivered":2,"error":"no","started_at":"2026-01-02T03:04:05Z","by":"daemon"})";
  const auto run = Fields::read(text);
  const std::int64_t later = read_wire_time("2026-01-02T05:04:10Z").value();
  EXPECT_EQ(runs_text({*run}, {}, later),
            "RUN  WORKFLOW  STATE   STEP  STARTED  BY               EVENTS  ERROR\n"
            "r    w         failed        2 h ago  daemon  5 (2 delivered)  no\n");
  EXPECT_NE(run_text(*run, {}, later).find("2026-01-02 03:04:05 UTC (2 h ago)"), std::string::npos);
  EXPECT_EQ(runs_text({}, {}, 0), "No runs.\n");
}

TEST(RunText, ShowsTheRunsOfOthersByWhatTheirFilesSay) {
  const auto run = Fields::read(
      R"({"run_id":"r","workflow_id":"w","state":"untracked","status":"running","events":null,)"
      R"("delivered":null,"by":"file"})");
  EXPECT_EQ(runs_text({*run}, {}, 0),
            "RUN  WORKFLOW  STATE    STEP  STARTED  BY    EVENTS  ERROR\n"
            "r    w         running                 file\n");
  EXPECT_NE(run_text(*run, {}, 0).find("whether anybody is at it is not known"), std::string::npos);
}

// Since when the link stands, and when either side was last heard: what a person asks first.
TEST(DaemonText, TellsHowTheLinkIs) {
  const auto daemon = Fields::read(
      R"({"version":"0.1.0","pid":1,"gateway":{"url":"ws://g","state":"up",)"
      R"("connected_since":"2026-01-02T03:04:05Z","last_heartbeat_at":"2026-01-02T03:05:00Z",)"
      R"("last_heard_at":"2026-01-02T03:05:05Z"}})");
  const std::int64_t later = read_wire_time("2026-01-02T03:05:10Z").value();
  const std::string text = daemon_text(*daemon, {}, later);
  EXPECT_NE(text.find("up since 2026-01-02 03:04:05 UTC (1 min ago)\n"), std::string::npos) << text;
  EXPECT_NE(text.find("heartbeat   10 s ago\n"), std::string::npos) << text;
  EXPECT_NE(text.find("heard       5 s ago\n"), std::string::npos) << text;
}

}  // namespace
}  // namespace charter::client
