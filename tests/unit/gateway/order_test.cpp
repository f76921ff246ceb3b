#include "gateway/order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/wait.h"
#include "tests/unit/gateway/daemon_client.h"
#include "tests/unit/gateway/scratch.h"

namespace charter::gateway {
namespace {

using ::testing::HasSubstr;

std::string field(const ParsedOrder& order) {
  const auto* refusal = std::get_if<ApiError>(&order);
  return refusal == nullptr ? "accepted" : refusal->field;
}

TEST(Order, AStartBecomesTheStockMessage) {
  const auto order = std::get<Order>(
      parse_start(R"({"workflow_id":"demo","run_id":"r","variables":{"a":1.0e5,"b":"é"},)"
                  R"("command_id":"c"})"));
  EXPECT_EQ(order.message, R"({"type":"run.start","command_id":"c","workflow_id":"demo",)"
                           R"("run_id":"r","variables":{"a":1.0e5,"b":"é"}})");
}

TEST(Order, AStartWithoutIdsGetsThem) {
  const auto order = std::get<Order>(parse_start(R"({"workflow_id":"demo"})"));
  EXPECT_EQ(order.run_id.size(), 36U);
  EXPECT_EQ(order.command_id.size(), 36U);
  EXPECT_NE(order.run_id, order.command_id);
}

TEST(Order, AnswersBecomeTheStockMessages) {
  EXPECT_EQ(std::get<Order>(parse_resume(R"({"approved":false,"command_id":"c"})", "r")).message,
            R"({"type":"run.resume","run_id":"r","approved":false,"note":null,"command_id":"c"})");
  EXPECT_EQ(std::get<Order>(parse_cancel(R"({"note":"n","command_id":"c"})", "r")).message,
            R"({"type":"run.cancel","run_id":"r","note":"n","command_id":"c"})");
  EXPECT_EQ(
      std::get<Order>(parse_input(R"({"input":{"kind":"answers","x":[1]},"command_id":"c"})", "r"))
          .message,
      R"({"type":"run.input","run_id":"r","command_id":"c","input":{"kind":"answers","x":[1]}})");
  EXPECT_EQ(std::get<Order>(parse_cancel("", "r")).kind, "cancel");
}

TEST(Order, RefusalsNameTheField) {
  EXPECT_EQ(field(parse_start("{}")), "workflow_id");
  EXPECT_EQ(field(parse_start(R"({"workflow_id":""})")), "workflow_id");
  EXPECT_EQ(field(parse_start(R"({"workflow_id":5})")), "workflow_id");
  EXPECT_EQ(field(parse_start(R"({"workflow_id":"w","variables":[]})")), "variables");
  EXPECT_EQ(field(parse_start(R"({"workflow_id":"w","run_id":"../evil"})")), "run_id");
  EXPECT_EQ(field(parse_start(R"({"workflow_id":"w","command_id":""})")), "command_id");
  EXPECT_EQ(field(parse_start(R"({"workflow_id":"w","extra":1})")), "extra");
  EXPECT_EQ(field(parse_start(R"({"workflow_id":"w","workflow_id":"v"})")), "workflow_id");
  EXPECT_EQ(field(parse_start(R"({"workflow_id":"w","run_id":"r","run\u005fid":"r"})")), "run_id");
  EXPECT_EQ(field(parse_resume(R"({"approved":false,"approved":true})", "r")), "approved");
  EXPECT_EQ(field(parse_start("[]")), "");
  EXPECT_EQ(field(parse_start("{")), "");
  EXPECT_EQ(field(parse_resume("{}", "r")), "approved");
  EXPECT_EQ(field(parse_resume(R"({"approved":"yes"})", "r")), "approved");
  EXPECT_EQ(field(parse_resume(R"({"approved":true,"note":1})", "r")), "note");
  EXPECT_EQ(field(parse_input("{}", "r")), "input");
  EXPECT_EQ(field(parse_input(R"({"input":{}})", "r")), "input.kind");
}

// One request is no work for minutes, in which nobody else is served.
TEST(Order, AFloodOfFieldsIsRefusedAtOnce) {
  const auto flood = [](std::size_t count) {
    std::string fields;
    for (std::size_t n = 0; n < count; ++n) fields += '"' + std::to_string(n) + R"(":0,)";
    return fields;
  };
  const auto begun = tests::Clock::now();
  EXPECT_EQ(field(parse_start("{" + flood(ipc::kMostMembers - 1) + R"("x":0})")), "0");
  const auto many = parse_start("{" + flood(900'000) + R"("x":0})");
  EXPECT_THAT(std::get<ApiError>(many).message, HasSubstr("more than 10000 members"));
  const std::string input = "{" + flood(900'000) + R"("kind":"form"})";
  const auto form = parse_input(R"({"input":)" + input + "}", "r");
  EXPECT_THAT(std::get<ApiError>(form).message, HasSubstr("more than 10000 members"));
  EXPECT_EQ(std::get<ApiError>(form).field, "input");
  EXPECT_LT(tests::since(begun), tests::kSoon);
}

class OrderAcceptance : public ::testing::Test {
 protected:
  void take(const std::vector<std::string>& texts) {
    Batch batch{.connection = 1, .worker_id = "w1", .peer = "", .received_us = 1, .messages = {}};
    for (const auto& text : texts) batch.messages.push_back(*parse_daemon_message(text));
    (void)store.intake.take(batch);
  }
  std::string outcome(const ParsedOrder& order) {
    const auto result = accept(store, std::get<Order>(order), 5);
    if (const auto* refusal = std::get_if<ApiError>(&result)) return refusal->code;
    const auto& accepted = std::get<AcceptedOrder>(result);
    return accepted.repeated ? "repeated" : "accepted";
  }

  Scratch scratch;
  Store store{scratch.path()};
};

TEST_F(OrderAcceptance, OneAnswerToOnePause) {
  take({announced_text("r"), event_text("r", 0, kStepStart)});
  EXPECT_EQ(outcome(parse_resume(R"({"approved":true})", "nobody")), "unknown_run");
  EXPECT_EQ(outcome(parse_resume(R"({"approved":true})", "r")), "not_paused");
  take({event_text("r", 1, kGatePending)});
  EXPECT_EQ(outcome(parse_input(R"({"input":{"kind":"answers"}})", "r")), "not_waiting_for_input");
  EXPECT_EQ(outcome(parse_resume(R"({"approved":true})", "r")), "accepted");
  EXPECT_EQ(outcome(parse_resume(R"({"approved":true})", "r")), "already_answered");
  take({event_text("r", 2, kApproved), event_text("r", 3, kInputPending)});
  EXPECT_EQ(outcome(parse_resume(R"({"approved":true})", "r")), "not_paused");
  EXPECT_EQ(outcome(parse_input(R"({"input":{"kind":"answers"}})", "r")), "accepted");
  take({event_text("r", 4, kComplete)});
  EXPECT_EQ(outcome(parse_cancel("{}", "r")), "run_finished");
}

// A stock daemon drops an approval that comes while it is busy pausing.
TEST_F(OrderAcceptance, AnAnswerThatWasDeliveredInVainMayBeGivenAgain) {
  take({announced_text("r"), event_text("r", 0, kGatePending)});
  EXPECT_EQ(outcome(parse_resume(R"({"approved":true,"command_id":"c"})", "r")), "accepted");
  const auto id = store.commands.find("c")->id;
  store.commands.moved({id, "delivered", 1, 6});
  EXPECT_EQ(outcome(parse_resume(R"({"approved":true})", "r")), "accepted");
}

TEST_F(OrderAcceptance, ACommandIdIsAcceptedOnce) {
  take({announced_text("r")});
  EXPECT_EQ(outcome(parse_cancel(R"({"command_id":"c"})", "r")), "accepted");
  EXPECT_EQ(outcome(parse_cancel(R"({"command_id":"c"})", "r")), "repeated");
  EXPECT_EQ(outcome(parse_cancel(R"({"command_id":"c"})", "other")), "command_id_in_use");
  EXPECT_EQ(outcome(parse_start(R"({"workflow_id":"w","command_id":"c"})")), "command_id_in_use");
}

// Whoever is told that it is done already would believe that what he asked for now was.
TEST_F(OrderAcceptance, ACommandIdWithAnotherContentIsRefused) {
  take({register_text(), announced_text("r"), event_text("r", 0, kGatePending)});
  const auto start = [&](const std::string& rest) {
    return outcome(parse_start(R"({"command_id":"s",)" + rest + "}"));
  };
  const std::string first = R"("workflow_id":"w","run_id":"new","variables":{"a":"x y","b":1})";
  EXPECT_EQ(start(first), "accepted");
  EXPECT_EQ(start(first), "repeated");
  EXPECT_EQ(start(R"("variables": { "a": "x y",
 "b": 1 }, "run_id": "new", "workflow_id": "\u0077")"),
            "repeated")
      << "written in another way";
  for (const char* other : {R"("workflow_id":"v","run_id":"new","variables":{"a":"x y","b":1})",
                            R"("workflow_id":"w","run_id":"old","variables":{"a":"x y","b":1})",
                            R"("workflow_id":"w","run_id":"new","variables":{"a":"xy","b":1})",
                            R"("workflow_id":"w","run_id":"new","variables":{"a":"x y","b":11})",
                            R"("workflow_id":"w","run_id":"new")"}) {
    EXPECT_EQ(start(other), "command_id_in_use") << other;
  }
  EXPECT_EQ(start(first + R"(,"worker":"w2")"), "command_id_in_use");
  const auto answer = [&](const std::string& rest) {
    return outcome(parse_resume(R"({"command_id":"a",)" + rest + "}", "r"));
  };
  EXPECT_EQ(answer(R"("approved":false)"), "accepted");
  EXPECT_EQ(answer(R"("approved":false)"), "repeated");
  EXPECT_EQ(answer(R"("approved":false,"note":null,"worker":"w1")"), "repeated");
  EXPECT_EQ(answer(R"("approved":true)"), "command_id_in_use");
  EXPECT_EQ(answer(R"("approved":false,"note":"no")"), "command_id_in_use");
  EXPECT_EQ(answer(R"("approved":false,"worker":"w2")"), "command_id_in_use");
}

// The gateway names a run that the client does not, so a repeat cannot have the name.
TEST_F(OrderAcceptance, AStartIsRepeatedWithoutTheNameTheGatewayGave) {
  const auto start = [&](const std::string& rest) {
    return outcome(parse_start(R"({"workflow_id":"w","command_id":"s")" + rest + "}"));
  };
  EXPECT_EQ(start(""), "accepted");
  EXPECT_EQ(start(""), "repeated");
  const auto kept = store.commands.find("s");
  ASSERT_TRUE(kept);
  EXPECT_EQ(start(R"(,"run_id":")" + kept->run_id + '"'), "repeated");
  EXPECT_EQ(start(R"(,"run_id":"mine")"), "command_id_in_use");
  EXPECT_EQ(start(R"(,"variables":{"a":1})"), "command_id_in_use");
}

TEST_F(OrderAcceptance, ANamedWorkerMustBeKnown) {
  EXPECT_EQ(outcome(parse_start(R"({"workflow_id":"w","worker":"w1"})")), "unknown_worker");
  take({register_text()});
  EXPECT_EQ(outcome(parse_start(R"({"workflow_id":"w","worker":"w1"})")), "accepted");
}

}  // namespace
}  // namespace charter::gateway
