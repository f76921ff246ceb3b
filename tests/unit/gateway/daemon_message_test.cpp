#include "gateway/daemon_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/daemon_client.h"

namespace charter::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

template <class T>
T parsed(std::string text) {
  auto message = parse_daemon_message(std::move(text));
  EXPECT_TRUE(message) << message.error().message();
  if (!message || !std::holds_alternative<T>(*message)) return T{};
  return std::get<T>(std::move(*message));
}

std::string refusal(std::string text) {
  const auto message = parse_daemon_message(std::move(text));
  return message ? "accepted" : message.error().message();
}

TEST(DaemonMessage, ReadsARegistration) {
  const auto message = parsed<Registration>(register_text("sandbox@h", 7));
  EXPECT_EQ(message.worker_id, "sandbox@h");
  EXPECT_EQ(message.max_runs, 7);
}

TEST(DaemonMessage, CapabilitiesItDoesNotKnowAreNoReasonToRefuse) {
  const auto message = parsed<Registration>(
      R"({"type":"worker.register","worker_id":"w","capabilities":{"max_runs":"many","x":[]}})");
  EXPECT_EQ(message.worker_id, "w");
  EXPECT_FALSE(message.max_runs);
}

TEST(DaemonMessage, ReadsAnAnnouncementWithNulls) {
  const auto message = parsed<Announcement>(
      R"({"type":"run.announced","run_id":"r","worker_id":"w","status":"paused",)"
      R"("workflow_path":null,"started_at":null})");
  EXPECT_EQ(message.run_id, "r");
  EXPECT_EQ(message.status, "paused");
  EXPECT_FALSE(message.workflow_path);
  EXPECT_EQ(message.started_at, "");
}

TEST(DaemonMessage, KeepsAnEventsBytes) {
  constexpr std::string_view kOdd =
      "{ \"kind\" : \"RunFailedEvent\",\n\t\"error\":\"\\u00e9\\ud83d\\ude00\", \"n\": 1.0e+05 }";
  const auto message = parsed<EventMessage>(event_text("r", 12, kOdd));
  EXPECT_EQ(message.event(), kOdd);
  EXPECT_EQ(message.seq, 12);
  EXPECT_EQ(message.kind, EventKind::failed);
  EXPECT_EQ(message.error, "é😀");
  EXPECT_FALSE(message.stream_seq);
}

TEST(DaemonMessage, KindsDecideTheStatus) {
  const auto status = [](std::string_view event) {
    return status_after(parsed<EventMessage>(event_text("r", 0, event)).kind);
  };
  EXPECT_EQ(status(kStepStart), "running");
  EXPECT_EQ(status(kStepComplete), "running");
  EXPECT_EQ(status(kGatePending), "paused");
  EXPECT_EQ(status(kInputPending), "paused");
  EXPECT_EQ(status(kApproved), "running");
  EXPECT_EQ(status(R"({"kind":"GateDecisionEvent","approved":false})"), "");
  EXPECT_EQ(status(R"({"kind":"StepRetryEvent"})"), "");
  EXPECT_EQ(status(R"({"kind":"SomethingNewEvent"})"), "");
  EXPECT_EQ(status(kComplete), "completed");
  EXPECT_EQ(status(kCancelled), "cancelled");
  EXPECT_EQ(status(kFailed), "failed");
}

TEST(DaemonMessage, ReadsHeartbeatsAndAnswers) {
  const auto beat = parsed<Heartbeat>(
      R"({"type":"worker.heartbeat","worker_id":"w","load":{"running":2,"paused":1}})");
  EXPECT_EQ(beat.running, 2);
  EXPECT_EQ(beat.paused, 1);
  EXPECT_TRUE(parsed<CommandAnswer>(result_text("c", true)).ok);
  const auto error = parsed<CommandAnswer>(
      R"({"type":"command.error","command_id":"c","code":"invalid_command","message":"x: y"})");
  EXPECT_FALSE(error.ok);
  EXPECT_EQ(error.code, "invalid_command");
  EXPECT_EQ(error.reason, "x: y");
}

TEST(DaemonMessage, RefusalsNameTheFieldAndNeverTheContents) {
  const std::string secret = "s3cret";
  EXPECT_THAT(refusal(R"({"type":"run.event","run_id":5})"), HasSubstr("run_id"));
  const auto wrong_seq = refusal(R"({"type":"run.event","run_id":")" + secret + R"(","seq":-1})");
  EXPECT_THAT(wrong_seq, HasSubstr("seq"));
  EXPECT_THAT(wrong_seq, Not(HasSubstr(secret)));
  EXPECT_THAT(refusal(R"({"type":"run.event","run_id":"r","seq":1.5,"occurred_at":"t"})"),
              HasSubstr("seq"));
  EXPECT_THAT(refusal(event_text("r", 0, R"({"kind":null})")), HasSubstr("kind"));
  EXPECT_THAT(refusal(event_text("r", 0, "[]")), HasSubstr("event"));
  EXPECT_THAT(refusal(R"({"type":")" + secret + R"("})"), Not(HasSubstr(secret)));
  EXPECT_NE(refusal("[]"), "accepted");
  EXPECT_NE(refusal(""), "accepted");
  EXPECT_NE(refusal("{\"type\":\"worker.register\""), "accepted");
  EXPECT_NE(refusal(register_text("")), "accepted");
}

// The database goes on counting behind the highest.
TEST(DaemonMessage, NumbersThatCannotBeCountedOnAreRefused) {
  const auto event = [](const std::string& seq) {
    return R"({"type":"run.event","run_id":"r","occurred_at":"t","event":{"kind":"x"},"seq":)" +
           seq + "}";
  };
  EXPECT_EQ(parsed<EventMessage>(event("9223372036854775806")).seq, kHighestCount);
  EXPECT_THAT(refusal(event("9223372036854775807")), HasSubstr("seq"));
  EXPECT_THAT(refusal(event("9223372036854775808")), HasSubstr("seq"));
}

// Each takes 14 times its text where it is taken apart.
TEST(DaemonMessage, MoreMembersThanAnyMessageHasAreRefused) {
  std::string members;
  for (std::size_t n = 0; n < ipc::kMostMembers; ++n) members += R"("":0,)";
  const std::string why = "more than 10000 members";
  EXPECT_THAT(refusal("{" + members + R"("type":"worker.heartbeat"})"), HasSubstr(why));
  EXPECT_THAT(refusal(event_text("r", 0, "{" + members + R"("kind":"x"})")), HasSubstr(why));
}

TEST(DaemonMessage, TheWorkflowIsTheDirectoryOfThePlan) {
  EXPECT_EQ(workflow_of_path("/p/workflows/demo/plan.yml"), "demo");
  EXPECT_EQ(workflow_of_path("demo/plan.yml"), "demo");
  EXPECT_EQ(workflow_of_path("/plan.yml"), "");
  EXPECT_EQ(workflow_of_path("plan.yml"), "");
  EXPECT_EQ(workflow_of_path(""), "");
}

}  // namespace
}  // namespace charter::gateway
