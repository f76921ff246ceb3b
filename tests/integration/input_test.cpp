// Forms: submitted by the gateway and by the client's op, answered after the check.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Input : public ::testing::Test {
 protected:
  Input() {
    scene.project.add_workflow(
        "ask",
        "  - {id: f, type: input, message: hello, outputs: {answer: q}, questions: [{id: q, "
        "kind: text, prompt: say}]}\n" +
            shell_step("after", "printf %s \"$A\"", "inputs: {A: answer}"));
    EXPECT_TRUE(scene.gateway.wait_for("worker.register"));
  }
  void paused_run(const std::string& id) {
    ASSERT_TRUE(scene.run(id, "ask").ok);
    ASSERT_TRUE(scene.gateway.wait_for_event(id, "InputPendingEvent"));
  }
  // Sends run.input and waits for its result.
  object submit(const std::string& run, const std::string& command, object input) {
    scene.gateway.send({{"type", "run.input"},
                        {"run_id", run},
                        {"command_id", command},
                        {"input", std::move(input)}});
    object found;
    (void)eventually(kSoon, [&] {
      for (const auto& message : scene.gateway.messages()) {
        if (text_of(message.json, "command_id") == command) found = message.json;
      }
      return !found.empty();
    });
    return found;
  }

  Started scene;
};

TEST_F(Input, RightAnswersAreAcceptedAndTheRunGoesOn) {
  paused_run("r1");
  EXPECT_EQ(
      boost::json::serialize(submit("r1", "c1", {{"kind", "form"}, {"answers", {{"q", "yes"}}}})),
      R"({"type":"command.result","worker_id":"tested","run_id":"r1","command_id":"c1",)"
      R"("ok":true,"code":null,"message":null})");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_THAT(scene.gateway.event_kinds("r1"),
              ElementsAre("InputPendingEvent", "StepCompleteEvent", "StepStartEvent",
                          "StepCompleteEvent", "RunCompleteEvent"));
}

TEST_F(Input, WrongOnesAreRefusedAndTheRunStaysPaused) {
  paused_run("r1");
  const object missing = submit("r1", "c1", {{"kind", "form"}, {"answers", object()}});
  EXPECT_EQ(text_of(missing, "code"), "invalid_input_payload");
  EXPECT_EQ(text_of(missing, "message"),
            "Input step 'f' is missing required answer 'q'. Valid question ids: q (text)");
  EXPECT_EQ(text_of(submit("r1", "c2", {{"kind", "words"}}), "code"), "unsupported_input_kind");
  const object unknown = submit("nobody", "c3", {{"kind", "form"}, {"answers", object()}});
  EXPECT_EQ(text_of(unknown, "code"), "not_waiting_for_input");
  EXPECT_EQ(text_of(unknown, "message"), "Run 'nobody' is not tracked by this worker");
  EXPECT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
}

// Both are on the way before either is answered.
TEST_F(Input, RightOnesAreTakenAlthoughWrongOnesAreBeingLookedAt) {
  paused_run("r1");
  const auto send = [&](const char* command, object answers) {
    scene.gateway.send({{"type", "run.input"},
                        {"run_id", "r1"},
                        {"command_id", command},
                        {"input", {{"kind", "form"}, {"answers", std::move(answers)}}}});
  };
  send("wrong", {});
  send("right", {{"q", "yes"}});
  send("late", {{"q", "no"}});
  ASSERT_TRUE(scene.gateway.wait_for("command.result", 3));
  std::map<std::string, std::string> codes;
  for (const auto& message : scene.gateway.of_type("command.result")) {
    codes[text_of(message.json, "command_id")] = text_of(message.json, "code");
  }
  EXPECT_EQ(codes["wrong"], "invalid_input_payload");
  EXPECT_EQ(codes["right"], "");
  EXPECT_EQ(codes["late"], "not_waiting_for_input");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

TEST_F(Input, RefusedOneStaysRefusedUnderItsIdAfterARestart) {
  paused_run("r1");
  const object first = submit("r1", "c1", {{"kind", "form"}, {"answers", object()}});
  ASSERT_EQ(text_of(first, "code"), "invalid_input_payload");
  scene.daemon.kill();
  scene.daemon.start();
  ASSERT_TRUE(scene.gateway.wait_for("worker.register", 2));
  const std::size_t before = scene.gateway.of_type("command.result").size();
  (void)submit("r1", "c1", {{"kind", "form"}, {"answers", {{"q", "yes"}}}});
  ASSERT_TRUE(scene.gateway.wait_for("command.result", before + 1));
  EXPECT_EQ(scene.gateway.of_type("command.result").back().json, first);
  const object other = submit("r1", "c2", {{"kind", "form"}, {"answers", {{"q", "yes"}}}});
  EXPECT_EQ(other.at("ok"), true);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

TEST_F(Input, TheClientsOpAnswersIt) {
  paused_run("r1");
  const std::string socket = scene.daemon.socket();
  const auto refused = control(socket, "submit", {{"run_id", "r1"}, {"answers", {{"q", 5}}}});
  ASSERT_EQ(refused.size(), 1U);
  EXPECT_EQ(text_of(refused.front(), "code"), "invalid_input_payload");
  EXPECT_THAT(text_of(refused.front(), "error"), HasSubstr("must be a string"));
  const auto accepted = control(socket, "submit", {{"run_id", "r1"}, {"answers", {{"q", "a"}}}});
  ASSERT_EQ(accepted.size(), 1U);
  EXPECT_EQ(text_of(accepted.front(), "run_id"), "r1");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  const auto late = control(socket, "submit", {{"run_id", "r1"}, {"answers", {{"q", "a"}}}});
  ASSERT_EQ(late.size(), 1U);
  EXPECT_EQ(text_of(late.front(), "code"), "not_waiting_for_input");
}

TEST_F(Input, ApprovalIsNoAnswerAndCancelCancels) {
  paused_run("r1");
  scene.gateway.send({{"type", "run.resume"}, {"run_id", "r1"}, {"approved", true}});
  scene.gateway.send({{"type", "run.cancel"}, {"run_id", "r1"}, {"note", "enough"}});
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_THAT(scene.gateway.event_kinds("r1"),
              ElementsAre("InputPendingEvent", "RunCancelledEvent"));
}

TEST_F(Input, WaitsThroughARestart) {
  paused_run("r1");
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
  (void)scene.daemon.stop();
  scene.daemon.start();
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
  const auto accepted =
      control(scene.daemon.socket(), "submit", {{"run_id", "r1"}, {"answers", {{"q", "a"}}}});
  ASSERT_EQ(accepted.size(), 1U);
  EXPECT_EQ(text_of(accepted.front(), "run_id"), "r1");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

}  // namespace
}  // namespace charter::tests
