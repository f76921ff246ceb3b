// The hand-off socket as the stock CLI uses it (docs/PROTOCOL.md section 2).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(HandOff, AcceptedRunReachesTheGatewayFromItsAnnouncementToItsEnd) {
  Started scene;
  scene.project.add_workflow("hello", shell_step("greet", "echo \"hello $who\"",
                                                 "inputs: {who: who}\noutputs: {stdout: string}"));
  ASSERT_TRUE(scene.run("r1", "hello", {{"who", "world"}}).ok);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  EXPECT_THAT(scene.gateway.event_kinds("r1"),
              ElementsAre("StepStartEvent", "StepCompleteEvent", "RunCompleteEvent"));
  EXPECT_EQ(scene.gateway.order_faults("r1"), "");
  const auto announced = scene.gateway.announcements("r1");
  ASSERT_FALSE(announced.empty());
  EXPECT_EQ(text_of(announced.front().json, "status"), "running");
  EXPECT_EQ(text_of(announced.front().json, "worker_id"), "tested");
  EXPECT_EQ(text_of(announced.front().json, "workflow_path"), scene.project.plan("hello"));
  const auto state = boost::json::parse(read_file(scene.project.state_file("r1"))).as_object();
  EXPECT_EQ(text_of(state, "status"), "completed");
  EXPECT_EQ(state.at("outputs").at("greet").at("stdout").as_string(), "hello world");
}

TEST(HandOff, AnswerIsOneLineAndTheConnectionIsClosed) {
  Started scene;
  const auto plan = scene.project.add_workflow("hello", shell_step("greet", "true"));
  const auto answer =
      exchange(scene.daemon.socket(), line_of({"r1", "hello", plan, {}, {}, nullptr}));
  ASSERT_TRUE(answer.has_value()) << "the connection stayed open";
  const auto parsed = boost::json::parse(*answer);
  EXPECT_EQ(parsed, (boost::json::object{{"ok", true}}));
  EXPECT_TRUE(answer->ends_with('\n'));
}

TEST(HandOff, SnapshotRunsWithoutAPlanFile) {
  Started scene;
  const auto plan = scene.project.add_workflow("hello", shell_step("greet", "true"));
  ASSERT_EQ(unlink(plan.c_str()), 0);
  const boost::json::object step{{"id", "from-snapshot"}, {"type", "shell"}, {"run", "true"}};
  const boost::json::object snapshot{{"workflow", "hello"}, {"steps", boost::json::array{step}}};
  const auto answer = hand_off(scene.daemon.socket(), {"r1", "hello", plan, {}, {}, snapshot});
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent")
      << boost::json::serialize(scene.gateway.events("r1").back());
  EXPECT_EQ(text_of(scene.gateway.events("r1").front(), "step_id"), "from-snapshot");
}

// A project inside the daemon's is a project of its own: its runs lie in it and execute in it.
class NestedProject : public ::testing::Test {
 protected:
  NestedProject() {
    write_file(inner + "/charter.yml", "name: inner\n");
    add("hello", shell_step("greet", "printf '{\"said\":\"inner\",\"where\":\"%s\"}' \"$(pwd)\"",
                            "outputs: {said: string, where: string}") +
                     "  - {id: keep, type: state, action: set, key: k, inputs: {value: said}}\n");
    add("ask", gate_step("gate") + shell_step("after", "pwd", "outputs: {stdout: string}"));
  }
  void add(const std::string& workflow, const std::string& steps) const {
    const auto directory = inner + "/workflows/" + workflow;
    write_file(directory + "/manifest.yml", "id: " + workflow + "\n");
    write_file(directory + "/plan.yml", "steps:\n" + steps);
  }
  Answer run(const std::string& id, const std::string& workflow) const {
    return hand_off(
        scene.daemon.socket(),
        {id, workflow, inner + "/workflows/" + workflow + "/plan.yml", {}, {}, nullptr});
  }
  std::string state_file(const std::string& id) const {
    return inner + "/.charter/runs/" + id + ".json";
  }

  Started scene;
  const std::string inner = scene.project / "parts/inner";
};

TEST_F(NestedProject, ItsRunsLieAndExecuteInIt) {
  ASSERT_TRUE(run("r1", "hello").ok);
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  const auto state = boost::json::parse(read_file(state_file("r1"))).as_object();
  EXPECT_EQ(text_of(state, "status"), "completed");
  EXPECT_EQ(state.at("outputs").at("greet").at("where").as_string(), inner);
  EXPECT_EQ(state.at("metadata").at("project_root").as_string(), inner);
  EXPECT_THAT(read_file(inner + "/.charter/kv.json"), HasSubstr("inner"));
  EXPECT_FALSE(exists(scene.project.state_file("r1")));
  EXPECT_FALSE(exists(scene.project / ".charter/kv.json"));
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "finished"));
  EXPECT_THAT(run("r1", "hello").error, HasSubstr("used before"));
}

TEST_F(NestedProject, IdOfARunItHasIsRefused) {
  write_file(state_file("r1"), "{}");
  EXPECT_THAT(run("r1", "hello").error, HasSubstr("used before"));
  EXPECT_EQ(read_file(state_file("r1")), "{}");
}

TEST_F(NestedProject, RunOfItIsForgottenThere) {
  ASSERT_TRUE(run("r1", "hello").ok);
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  ASSERT_TRUE(eventually(kSoon, [this] {
    return charter_daemon(scene.project, {"forget", "r1"}).code == 0;
  })) << "it has to be delivered first";
  EXPECT_FALSE(exists(state_file("r1")));
  EXPECT_TRUE(run("r1", "hello").ok);
}

TEST_F(NestedProject, KillOfARunWhoseProjectIsGoneSaysThatItIsHeld) {
  ASSERT_TRUE(run("r1", "ask").ok);
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
  std::filesystem::remove_all(inner);
  const auto end = charter_daemon(scene.project, {"kill", "r1"});
  EXPECT_EQ(end.code, 5) << end.out;
  EXPECT_THAT(end.err, HasSubstr("is held"));
}

TEST_F(NestedProject, ItsPausedRunGoesOnThereAfterARestart) {
  ASSERT_TRUE(run("r1", "ask").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  scene.daemon.kill();
  scene.daemon.start();
  ASSERT_TRUE(scene.gateway.wait_for("worker.register", 2));
  ASSERT_TRUE(reaches_state(scene.daemon.socket(), "r1", "paused"));
  scene.gateway.send({{"type", "run.resume"}, {"run_id", "r1"}, {"approved", true}});
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  const auto state = boost::json::parse(read_file(state_file("r1"))).as_object();
  EXPECT_EQ(state.at("outputs").at("after").at("stdout").as_string(), inner);
  EXPECT_FALSE(exists(scene.project.state_file("r1")));
}

TEST(HandOff, UnknownFieldsAndAByteOrderMarkAreAccepted) {
  Started scene;
  const auto plan = scene.project.add_workflow("hello", shell_step("greet", "true"));
  const std::string line =
      "\xEF\xBB\xBF{\"type\":\"start_run\",\"run_id\":\"r1\",\"extra\":[1],"
      "\"workflow_id\":\"hello\",\"workflow_path\":\"" +
      plan + "\",\"variables\":{},\"capabilities\":{}}\nignored\n";
  const auto answer = answer_to(scene.daemon.socket(), line);
  EXPECT_TRUE(answer.ok) << answer.raw;
}

TEST(HandOff, CapabilityOfAnUnknownKindFailsTheRunAsItsOnlyEvent) {
  Started scene;
  const auto plan = scene.project.add_workflow("hello", shell_step("greet", "true"));
  const boost::json::object capability{{"kind", "magic"}};
  const auto answer = hand_off(scene.daemon.socket(),
                               {"r1", "hello", plan, {}, {{"capability/x", capability}}, nullptr});
  ASSERT_TRUE(answer.ok) << answer.error;
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunFailedEvent");
  const auto events = scene.gateway.events("r1");
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(text_of(events[0], "error"), "Unsupported integration kind 'magic'");
  EXPECT_THAT(read_file(scene.project.state_file("r1")), HasSubstr("\"status\": \"failed\""));
}

TEST(HandOff, ManifestOfAnotherIdIsRefusedWithBothNames) {
  Started scene;
  const auto plan = scene.project.add_workflow("hello", shell_step("greet", "true"));
  const auto answer = hand_off(scene.daemon.socket(), {"r1", "other", plan, {}, {}, nullptr});
  EXPECT_FALSE(answer.ok);
  EXPECT_THAT(answer.error, HasSubstr("workflow_id mismatch: request='other' manifest='hello'"));
}

TEST(HandOff, ActiveRunIdIsRefusedInTheStockWords) {
  Started scene;
  scene.project.add_workflow("wait", gate_step("ask"));
  ASSERT_TRUE(scene.run("r1", "wait").ok);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "GatePendingEvent"));
  const auto answer = scene.run("r1", "wait");
  EXPECT_FALSE(answer.ok);
  EXPECT_EQ(answer.error, "Run 'r1' is already managed by this daemon");
}

TEST(HandOff, InvalidPlanIsRefusedWithEveryFault) {
  Started scene;
  scene.project.add_workflow(
      "bad", "  - id: a\n    type: shell\n  - id: b\n    type: gate\n    show: x\n");
  const auto answer = scene.run("r1", "bad");
  EXPECT_FALSE(answer.ok);
  EXPECT_THAT(answer.error, HasSubstr("'run' is required"));
  EXPECT_THAT(answer.error, HasSubstr("'message' is required"));
}

}  // namespace
}  // namespace charter::tests
