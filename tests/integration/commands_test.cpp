// The gateway's four commands, well-formed and not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "tests/support/log_edit.h"
#include "tests/support/process_table.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

// The answer to a command id, of either type; empty when none came.
object answer(RecordingGateway& gateway, const std::string& command_id) {
  object found;
  (void)eventually(kSoon, [&] {
    for (const auto& message : gateway.messages()) {
      if (text_of(message.json, "command_id") == command_id) found = message.json;
    }
    return !found.empty();
  });
  return found;
}

class Commands : public ::testing::Test {
 protected:
  Commands() {
    scene.project.add_workflow("hello", shell_step("greet", "true"));
    scene.project.add_workflow(
        "ask", gate_step("first") + gate_step("second") + shell_step("after", "true"));
    scene.project.add_workflow("hold", hold_step("wait", release));
    EXPECT_TRUE(scene.gateway.wait_for("worker.register"));
  }
  void send(object message) { scene.gateway.send(message); }
  void paused_run(const std::string& id) {
    ASSERT_TRUE(scene.run(id, "ask").ok);
    ASSERT_TRUE(scene.gateway.wait_for_event(id, "GatePendingEvent"));
  }
  bool has_gates(const std::string& run, std::ptrdiff_t count) {
    const auto kinds = scene.gateway.event_kinds(run);
    return std::count(kinds.begin(), kinds.end(), "GatePendingEvent") == count;
  }

  Started scene;
  const std::string release = scene.project.scratch("release");
};

TEST_F(Commands, StartIsAnsweredBeforeTheRunIsAnnounced) {
  send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "hello"}, {"run_id", "r1"}});
  const auto reply = answer(scene.gateway, "c1");
  EXPECT_EQ(boost::json::serialize(reply),
            R"({"type":"command.result","worker_id":"tested","run_id":"r1","command_id":"c1",)"
            R"("ok":true,"code":null,"message":null})");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  bool answered = false;
  for (const auto& message : scene.gateway.messages()) {
    answered = answered || message.type == "command.result";
    if (message.type == "run.announced") {
      EXPECT_TRUE(answered);
    }
  }
}

TEST_F(Commands, StartWithoutARunIdMakesOne) {
  send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "hello"}});
  const auto run = text_of(answer(scene.gateway, "c1"), "run_id");
  ASSERT_EQ(run.size(), 36U);
  EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent");
}

TEST_F(Commands, StartKeepsJsonTypes) {
  scene.project.add_workflow(
      "typed", shell_step("say", "echo ok"),
      "inputs:\n  count: {type: number, required: true, description: how many}\n");
  send({{"type", "run.start"},
        {"command_id", "c1"},
        {"workflow_id", "typed"},
        {"variables", {{"count", "5"}}}});
  const auto refused = answer(scene.gateway, "c1");
  EXPECT_EQ(text_of(refused, "code"), "invalid_input");
  EXPECT_TRUE(refused.at("run_id").is_null());
  send({{"type", "run.start"},
        {"command_id", "c2"},
        {"workflow_id", "typed"},
        {"variables", {{"count", 5}}}});
  EXPECT_EQ(answer(scene.gateway, "c2").at("ok"), true);
}

TEST_F(Commands, StartOfAnUnknownWorkflowIsRefused) {
  send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "nobody"}});
  const auto reply = answer(scene.gateway, "c1");
  EXPECT_EQ(reply.at("ok"), false);
  EXPECT_EQ(text_of(reply, "code"), "unknown_workflow");
}

TEST_F(Commands, StartOfAnActiveRunIdIsADuplicate) {
  paused_run("r1");
  send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "hello"}, {"run_id", "r1"}});
  const auto reply = answer(scene.gateway, "c1");
  EXPECT_EQ(text_of(reply, "code"), "duplicate_run_id");
  EXPECT_EQ(text_of(reply, "run_id"), "r1");
}

TEST_F(Commands, MalformedStartIsAnsweredWithItsField) {
  send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "hello"}, {"extra", 1}});
  const auto reply = answer(scene.gateway, "c1");
  EXPECT_EQ(text_of(reply, "type"), "command.error");
  EXPECT_EQ(text_of(reply, "code"), "invalid_command");
  EXPECT_THAT(text_of(reply, "message"), HasSubstr("extra: "));
  send({{"type", "run.start"}, {"command_id", "c2"}, {"workflow_id", 5}});
  EXPECT_THAT(text_of(answer(scene.gateway, "c2"), "message"), HasSubstr("workflow_id: "));
}

TEST_F(Commands, WhatMakesNoSenseIsDroppedAndTheConnectionStays) {
  for (const auto* text :
       {"{", "[]", "7", "{\"type\":\"run.teleport\"}", "{\"type\":5}",
        "{\"type\":\"run.start\",\"command_id\":5}", "{\"type\":\"run.resume\",\"run_id\":\"r1\"}",
        "{\"type\":\"run.cancel\",\"run_id\":\"nobody\"}"}) {
    scene.gateway.send(text);
  }
  scene.gateway.send("{\"deep\":" + std::string(200'000, '[') + "}");
  send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "hello"}, {"run_id", "r1"}});
  EXPECT_EQ(answer(scene.gateway, "c1").at("ok"), true);
  EXPECT_EQ(scene.gateway.of_type("worker.register").size(), 1U);
  EXPECT_EQ(scene.gateway.of_type("command.error").size(), 0U);
}

TEST_F(Commands, ContentsOfAMalformedCommandAreNotLogged) {
  scene.gateway.send(
      R"({"type":"run.resume","run_id":"r1","approved":"sesame-1234","x":"sesame"})");
  scene.gateway.send("sesame-1234");
  send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "hello"}});
  EXPECT_EQ(answer(scene.gateway, "c1").at("ok"), true);
  EXPECT_EQ(scene.daemon.log().find("sesame"), std::string::npos);
}

TEST_F(Commands, ApprovalAnnouncesTheRunAgainAndGoesOn) {
  paused_run("r1");
  send({{"type", "run.resume"}, {"run_id", "r1"}, {"approved", true}, {"note", "fine"}});
  ASSERT_TRUE(eventually(kRunTime, [&] { return has_gates("r1", 2); }));
  const auto announced = scene.gateway.announcements("r1");
  ASSERT_EQ(announced.size(), 2U);
  EXPECT_EQ(text_of(announced[1].json, "status"), "running");
  EXPECT_EQ(announced[0].json.at("started_at"), announced[1].json.at("started_at"));
  const auto decision = scene.gateway.events("r1").at(1);
  EXPECT_EQ(text_of(decision, "kind"), "GateDecisionEvent");
  EXPECT_EQ(text_of(decision, "note"), "fine");
  EXPECT_EQ(decision.at("approved"), true);
}

TEST_F(Commands, ApprovalRightAfterTheGateTakesEffect) {
  for (int i = 0; i < 10; ++i) {
    const auto run = "r" + std::to_string(i);
    paused_run(run);
    send({{"type", "run.resume"}, {"run_id", run}, {"approved", true}});
    EXPECT_TRUE(eventually(kRunTime, [&] { return has_gates(run, 2); })) << run;
  }
}

// Looked into once, and not again and again while the other hand executes the run.
TEST_F(Commands, ApprovalOfARunThatAnotherHandExecutesComesToNothing) {
  paused_run("r1");
  const std::string file = scene.project.state_file("r1");
  std::string state = read_file(file);
  const auto at = state.find("\"paused\"");
  ASSERT_NE(at, std::string::npos);
  write_file(file, state.replace(at, 8, "\"running\""));
  send({{"type", "run.resume"}, {"run_id", "r1"}, {"approved", true}});
  const auto looks = [&] {
    const std::string log = scene.daemon.log();
    std::size_t count = 0;
    for (std::size_t from = 0;
         (from = log.find("Run paused: run_id=r1", from)) != std::string::npos; ++from) {
      ++count;
    }
    return count;
  };
  ASSERT_TRUE(eventually(kSoon, [&] { return looks() >= 2; }));
  EXPECT_TRUE(throughout(milliseconds(500), [&] { return looks() <= 5; })) << looks();
  // What that hand makes of it is still told.
  write_file(file, state.replace(state.find("\"running\""), 9, "\"completed\""));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

TEST_F(Commands, RefusalCancelsTheRun) {
  paused_run("r1");
  send({{"type", "run.resume"}, {"run_id", "r1"}, {"approved", false}, {"note", "no"}});
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_THAT(scene.gateway.event_kinds("r1"),
              ElementsAre("GatePendingEvent", "GateDecisionEvent", "RunCancelledEvent"));
  EXPECT_EQ(text_of(scene.gateway.events("r1").back(), "note"), "no");
  const auto state = boost::json::parse(read_file(scene.project.state_file("r1"))).as_object();
  EXPECT_EQ(text_of(state, "status"), "cancelled");
  EXPECT_EQ(state.at("gate_history").as_array().size(), 1U);
}

TEST_F(Commands, ApprovalRepeatedWithItsIdPassesOneGate) {
  paused_run("r1");
  const object approval{
      {"type", "run.resume"}, {"run_id", "r1"}, {"approved", true}, {"command_id", "once"}};
  send(approval);
  ASSERT_TRUE(eventually(kRunTime, [&] { return has_gates("r1", 2); }));
  send(approval);
  send(approval);
  send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "hello"}, {"run_id", "r2"}});
  ASSERT_EQ(scene.gateway.wait_for_end("r2"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.event_kinds("r1").back(), "GatePendingEvent");
}

TEST_F(Commands, StartRepeatedWithItsIdIsAnsweredAgainAndRunsOnce) {
  const object start{
      {"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "hello"}, {"run_id", "r1"}};
  send(start);
  ASSERT_TRUE(scene.gateway.wait_for("command.result"));
  send(start);
  EXPECT_TRUE(scene.gateway.wait_for("command.result", 2));
  for (const auto& message : scene.gateway.of_type("command.result")) {
    EXPECT_EQ(message.json.at("ok"), true);
  }
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
}

TEST_F(Commands, CancelEndsAnExecutingRunWithItsTree) {
  ASSERT_TRUE(scene.run("r1", "hold").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  ASSERT_TRUE(eventually(kSoon, [&] { return !scene.project.processes_of("r1").empty(); }));
  send({{"type", "run.cancel"}, {"run_id", "r1"}, {"note", "enough"}});
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_THAT(scene.gateway.event_kinds("r1"), ElementsAre("StepStartEvent", "RunCancelledEvent"));
  const auto last = scene.gateway.events("r1").back();
  EXPECT_EQ(text_of(last, "note"), "enough");
  EXPECT_EQ(text_of(last, "step_id"), "wait");
  EXPECT_TRUE(scene.project.processes_of("r1").empty());
  EXPECT_THAT(read_file(scene.project.state_file("r1")), HasSubstr("\"status\": \"cancelled\""));
}

TEST_F(Commands, CancelAtAGateIsTheStockRefusal) {
  paused_run("r1");
  send({{"type", "run.cancel"}, {"run_id", "r1"}, {"note", "enough"}});
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  EXPECT_THAT(scene.gateway.event_kinds("r1"),
              ElementsAre("GatePendingEvent", "GateDecisionEvent", "RunCancelledEvent"));
  const auto last = scene.gateway.events("r1").back();
  EXPECT_EQ(text_of(last, "step_id"), "first");
  EXPECT_EQ(text_of(last, "note"), "enough");
}

TEST_F(Commands, InputIsAnsweredThatTheRunDoesNotWaitForIt) {
  paused_run("r1");
  send({{"type", "run.input"},
        {"run_id", "r1"},
        {"command_id", "c1"},
        {"input", {{"kind", "form"}, {"answers", object{}}}}});
  EXPECT_EQ(text_of(answer(scene.gateway, "c1"), "code"), "not_waiting_for_input");
  send({{"type", "run.input"},
        {"run_id", "nobody"},
        {"command_id", "c2"},
        {"input", {{"kind", "form"}}}});
  const auto unknown = answer(scene.gateway, "c2");
  EXPECT_EQ(text_of(unknown, "code"), "not_waiting_for_input");
  EXPECT_EQ(text_of(unknown, "message"), "Run 'nobody' is not tracked by this worker");
  EXPECT_EQ(scene.gateway.event_kinds("r1").back(), "GatePendingEvent");
}

TEST_F(Commands, ResumeTakesOnARunThatOnlyItsStateFileKnows) {
  paused_run("r1");
  const auto state = read_file(scene.project.state_file("r1"));
  auto moved = state;
  for (std::size_t at; (at = moved.find("\"r1\"")) != std::string::npos;) {
    moved.replace(at, 4, "\"from-python\"");
  }
  write_file(scene.project.state_file("from-python"), moved);
  send({{"type", "run.resume"}, {"run_id", "from-python"}, {"approved", true}});
  ASSERT_TRUE(eventually(kRunTime, [&] { return has_gates("from-python", 1); }));
  EXPECT_THAT(scene.gateway.event_kinds("from-python"),
              ElementsAre("GateDecisionEvent", "GatePendingEvent"));
  EXPECT_EQ(scene.gateway.order_faults("from-python"), "");
}

// No worker can go on with it, and it would be tried for ever.
TEST_F(Commands, DecidedRunsWhoseStateFileCannotBeReadEndOnceWithAReason) {
  paused_run("gone");
  std::filesystem::remove(scene.project.state_file("gone"));
  paused_run("damaged");
  write_file(scene.project.state_file("damaged"), "{\"run_id\": \"damaged\", ");
  for (const char* run : {"gone", "damaged"}) {
    send({{"type", "run.resume"}, {"run_id", run}, {"approved", true}});
    ASSERT_EQ(scene.gateway.wait_for_end(run), "RunFailedEvent") << run << scene.daemon.log();
    EXPECT_THAT(text_of(scene.gateway.events(run).back(), "error"),
                StartsWith("worker died: three times"));
    EXPECT_EQ(scene.gateway.order_faults(run), "");
    EXPECT_THAT(read_file(scene.project.state_file(run)), HasSubstr("\"status\": \"failed\""));
    const auto frames = frames_of(scene.project.journal(run));
    EXPECT_EQ(std::ranges::count_if(frames,
                                    [](const ipc::JournalFrame& frame) {
                                      return std::holds_alternative<ipc::Terminal>(frame.body);
                                    }),
              1);
  }
}

// The words are kept for repeats, with the run and in the ledger.
TEST_F(Commands, RefusalIsShortWhateverItIsAbout) {
  const std::string workflow(1U << 20, 'x');
  send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", workflow}});
  EXPECT_LE(text_of(answer(scene.gateway, "c1"), "message").size(), 600'000U);
  send({{"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", workflow}});
  ASSERT_TRUE(scene.gateway.wait_for("command.result", 2));
  const auto results = scene.gateway.of_type("command.result");
  EXPECT_EQ(results[0].json, results[1].json);
}

TEST_F(Commands, WhatTheyNameIsOneLineOfTheLogAndNoLongOne) {
  const std::string id = "no\nbody" + std::string(5'000, 'x');
  send({{"type", "run.cancel"}, {"run_id", id}});
  send({{"type", "run.resume"}, {"run_id", id}, {"approved", true}});
  send({{"type", "run.input"}, {"run_id", id}, {"command_id", id}, {"input", {{"kind", id}}}});
  send({{"type", "nothing\nbody"}});
  send({{"type", "run.start"}, {"command_id", "c\nbody"}, {"workflow_id", "hello"}});
  ASSERT_TRUE(eventually(kSoon, [&] {
    return scene.daemon.log().find("command_id=c?body") != std::string::npos;
  })) << scene.daemon.log();
  EXPECT_THAT(scene.daemon.log(), HasSubstr("cancel command: run_id=no?body"));
  for (const std::string& line : lines_of(scene.daemon.log_file())) {
    EXPECT_FALSE(line.starts_with("body")) << line;
    EXPECT_LT(line.size(), 1'000U) << line;
  }
}

}  // namespace
}  // namespace charter::tests
