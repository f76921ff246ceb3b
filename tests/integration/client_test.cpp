// The commands a person types: what they print, and how they exit.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <thread>

#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

enum Exit { kFine, kRunFailed, kUsage, kNoDaemon, kUnknownRun, kRefused };

object parsed(const std::string& text) {
  boost::system::error_code bad;
  auto value = boost::json::parse(text, bad);
  return !bad && value.is_object() ? value.get_object() : object{};
}

class Client : public ::testing::Test {
 protected:
  Client() {
    scene.project.add_workflow("hello", shell_step("greet", "echo \"hello $who\"",
                                                   "inputs: {who: who}\noutputs: "
                                                   "{stdout: string}"));
    scene.project.add_workflow("fails", shell_step("stop", "echo why >&2; exit 3"));
    scene.project.add_workflow("ask", gate_step("gate") + shell_step("after", "true"));
    scene.project.add_workflow("hold", hold_step("wait", release));
  }
  Finished charter(std::vector<std::string> arguments) const {
    return charter_daemon(scene.project, std::move(arguments));
  }
  void paused_run(const std::string& id) {
    ASSERT_EQ(charter({"run", "ask", "--run-id", id}).code, kFine);
    ASSERT_TRUE(reaches_state(scene.daemon.socket(), id, "paused"));
  }

  Started scene;
  const std::string release = scene.project.scratch("release");
};

TEST_F(Client, RunPrintsItsIdAndTheRunGoesOn) {
  const auto end = charter({"run", "hello", "--var", "who=world"});
  EXPECT_EQ(end.code, kFine) << end.err;
  ASSERT_TRUE(end.out.ends_with('\n'));
  const auto run = end.out.substr(0, end.out.size() - 1);
  EXPECT_EQ(scene.gateway.wait_for_end(run), "RunCompleteEvent");
  EXPECT_THAT(read_file(scene.project.state_file(run)), HasSubstr("hello world"));
}

TEST_F(Client, RunWaitsForTheEndAndItsExitCodeIsTheRuns) {
  const auto done = charter({"run", "hello", "--run-id", "r1", "--wait", "--json"});
  EXPECT_EQ(done.code, kFine) << done.err;
  const auto lines = done.out;
  EXPECT_THAT(lines, HasSubstr(R"({"run_id":"r1","status":"completed","error":null,)"
                               R"("outputs":{"greet":{"stdout":"hello who"}},"exit_code":0})"));
  const auto failed = charter({"run", "fails", "--run-id", "r2", "--wait"});
  EXPECT_EQ(failed.code, kRunFailed);
  EXPECT_THAT(failed.err, HasSubstr("why"));
}

TEST_F(Client, RunFollowsWithTheStockMessages) {
  const auto end = charter({"run", "hello", "--run-id", "r1", "--follow", "--json"});
  EXPECT_EQ(end.code, kFine) << end.err;
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  for (const auto& message : scene.gateway.of_type("run.event")) {
    EXPECT_THAT(end.out, HasSubstr(message.text + "\n"));
  }
}

TEST_F(Client, RunConvertsVariablesAsTheStockCommandDoes) {
  scene.project.add_workflow(
      "typed", shell_step("say", "echo $count"),
      "inputs:\n  count: {type: number, required: true, description: how many}\n");
  EXPECT_EQ(charter({"run", "typed", "--run-id", "r1", "--var", "count=5", "--wait"}).code, kFine);
  const auto state = parsed(read_file(scene.project.state_file("r1")));
  EXPECT_EQ(state.at("variables").at("count"), 5);
  const auto bad = charter({"run", "typed", "--var", "count=many"});
  EXPECT_EQ(bad.code, kRefused);
  EXPECT_THAT(bad.err, HasSubstr("count"));
}

TEST_F(Client, RunAtAGateSaysOnceHowToAnswer) {
  ChildSpec spec;
  spec.argv = {daemon_binary(), "run", "ask", "--run-id", "r1", "--wait"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("out");
  spec.errors = scene.project.scratch("err");
  ChildProcess waiting(spec);
  ASSERT_TRUE(eventually(kSoon, [&] {
    return read_file(spec.errors).find("resume r1 --approve") != std::string::npos;
  })) << read_file(spec.errors);
  EXPECT_TRUE(waiting.running());
  EXPECT_EQ(charter({"resume", "r1", "--approve", "--note", "fine"}).code, kFine);
  const auto ending = waiting.wait(kRunTime);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kFine);
  EXPECT_EQ(text_of(scene.gateway.events("r1").at(1), "note"), "fine");
}

TEST_F(Client, RunThatIsWaitedForOutlivesARestartOfTheDaemon) {
  ChildSpec spec;
  spec.argv = {daemon_binary(), "run", "hold", "--run-id", "r1", "--wait"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("out");
  ChildProcess waiting(spec);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  scene.daemon.kill();
  scene.daemon.start();
  write_file(release, "");
  const auto ending = waiting.wait(kRunTime);
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, kFine) << read_file(spec.output);
}

TEST_F(Client, InterruptedWaitExits130AndTheRunGoesOn) {
  ChildSpec spec;
  spec.argv = {daemon_binary(), "run", "hold", "--run-id", "r1", "--wait"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("out");
  ChildProcess waiting(spec);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  waiting.signal(SIGINT);
  const auto ending = waiting.wait();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->code, 130);
  write_file(release, "");
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

TEST_F(Client, RunRefusesWithTheReason) {
  const auto unknown = charter({"run", "nobody"});
  EXPECT_EQ(unknown.code, kRefused);
  EXPECT_THAT(unknown.err, HasSubstr("nobody"));
  EXPECT_EQ(unknown.out, "");
  ASSERT_EQ(charter({"run", "hello", "--run-id", "r1", "--wait"}).code, kFine);
  EXPECT_EQ(charter({"run", "hello", "--run-id", "r1"}).code, kRefused);
  EXPECT_EQ(charter({"run", "hello", "--run-id", "../evil"}).code, kRefused);
  EXPECT_EQ(charter({"run", "hello", "--var", "nonsense"}).code, kUsage);
  EXPECT_EQ(charter({"run"}).code, kUsage);
}

TEST_F(Client, RunNamesThePlanThatIsNoText) {
  write_file(scene.project.plan("hello"), "steps:\n  - \xff\n");
  EXPECT_THAT(charter({"run", "hello"}).err,
              HasSubstr(scene.project.plan("hello") + ": 'utf-8' codec can't decode"));
}

TEST_F(Client, RunNamesTheFileThatIsNoText) {
  write_file(scene.project / "charter.yml", "\xff\n");
  const auto refused = charter({"run", "hello"});
  EXPECT_EQ(refused.code, kRefused);
  EXPECT_THAT(refused.err, HasSubstr(scene.project / "charter.yml: 'utf-8' codec can't decode"));
}

TEST_F(Client, ListShowsEveryRunForPeopleAndForScripts) {
  ASSERT_EQ(charter({"run", "hello", "--run-id", "r1", "--wait"}).code, kFine);
  ASSERT_EQ(charter({"run", "fails", "--run-id", "r2", "--wait"}).code, kRunFailed);
  paused_run("r3");
  const auto table = charter({"list"});
  EXPECT_EQ(table.code, kFine);
  for (const auto* text : {"r1", "completed", "r2", "failed", "r3", "paused", "gate"}) {
    EXPECT_THAT(table.out, HasSubstr(text));
  }
  const auto json = parsed(charter({"list", "--json"}).out);
  ASSERT_EQ(json.at("runs").as_array().size(), 3U);
  for (const auto& run : json.at("runs").as_array()) {
    std::vector<std::string> keys;
    for (const auto& member : run.as_object()) keys.emplace_back(member.key());
    EXPECT_THAT(keys, ::testing::UnorderedElementsAre(
                          "run_id", "workflow_id", "workflow_path", "state", "status", "started_at",
                          "updated_at", "step", "waits_at", "by", "events", "delivered", "error",
                          "retry_of", "guardian_pid"));
  }
}

// Runs that are over and delivered are kept in a list of their own.
TEST_F(Client, ListIsOldestFirstWhateverIsDelivered) {
  const auto names = [this](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"list", "--json"});
    std::vector<std::string> ids;
    const auto listed = parsed(charter(std::move(arguments)).out);
    for (const auto& run : listed.at("runs").as_array()) {
      ids.push_back(text_of(run.as_object(), "run_id"));
    }
    return ids;
  };
  const auto delivered = [this](const std::string& id) {
    const auto run = parsed(charter({"status", id, "--json"}).out).at("run").as_object();
    return run.at("events") == run.at("delivered") && run.at("state") == "finished";
  };
  paused_run("r1");
  ASSERT_EQ(charter({"run", "hello", "--run-id", "r2", "--wait"}).code, kFine);
  ASSERT_TRUE(eventually(kRunTime, [&] { return delivered("r2"); }));
  paused_run("r3");
  ASSERT_EQ(charter({"run", "hello", "--run-id", "r4", "--wait"}).code, kFine);
  ASSERT_TRUE(eventually(kRunTime, [&] { return delivered("r4"); }));
  EXPECT_THAT(names({}), ElementsAre("r1", "r2", "r3", "r4"));
  EXPECT_THAT(names({"--limit", "2"}), ElementsAre("r3", "r4")) << "those that began last";
}

TEST_F(Client, StatusShowsTheDaemonAndARun) {
  paused_run("r1");
  EXPECT_THAT(charter({"status"}).out, HasSubstr(scene.project.root()));
  const auto daemon = parsed(charter({"status", "--json"}).out).at("daemon").as_object();
  EXPECT_EQ(daemon.at("pid"), scene.daemon.pid());
  EXPECT_EQ(daemon.at("max_runs"), 4);
  EXPECT_EQ(daemon.at("runs").at("paused"), 1);
  EXPECT_EQ(daemon.at("gateway").at("state").as_string(), "up");
  const auto run = parsed(charter({"status", "r1", "--json"}).out).at("run").as_object();
  EXPECT_EQ(text_of(run, "state"), "paused");
  EXPECT_EQ(text_of(run, "status"), "paused");
  EXPECT_EQ(text_of(run, "step"), "gate");
  EXPECT_EQ(text_of(run, "waits_at"), "gate");
  EXPECT_EQ(charter({"status", "nobody"}).code, kUnknownRun);
}

// An id that a script came by empty is not the daemon.
TEST_F(Client, StatusOfAnEmptyIdIsRefused) {
  const auto refused = charter({"status", ""});
  EXPECT_EQ(refused.code, kUnknownRun);
  EXPECT_EQ(refused.out, "");
  EXPECT_THAT(refused.err, HasSubstr("No run ''"));
}

TEST_F(Client, StatusSaysWhatIsWrongWithTheGateway) {
  ASSERT_TRUE(scene.gateway.wait_for("worker.register"));
  scene.gateway.kill();
  object gateway;
  EXPECT_TRUE(eventually(kSoon, [&] {
    gateway = parsed(charter({"status", "--json"}).out).at("daemon").at("gateway").as_object();
    return text_of(gateway, "state") != "up";
  }));
  EXPECT_NE(text_of(gateway, "last_error"), "");
}

TEST_F(Client, EventsPrintsTheStockMessagesByteForByte) {
  ASSERT_EQ(charter({"run", "hello", "--run-id", "r1", "--wait"}).code, kFine);
  ASSERT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  std::string expected;
  for (const auto& message : scene.gateway.of_type("run.event")) expected += message.text + "\n";
  EXPECT_EQ(charter({"events", "r1", "--json"}).out, expected);
  EXPECT_THAT(charter({"events", "r1"}).out, HasSubstr("greet"));
  EXPECT_EQ(charter({"events", "nobody"}).code, kUnknownRun);
}

TEST_F(Client, EventsFollowsToTheEnd) {
  ASSERT_EQ(charter({"run", "hold", "--run-id", "r1"}).code, kFine);
  ChildSpec spec;
  spec.argv = {daemon_binary(), "events", "r1", "--follow", "--json"};
  spec.directory = scene.project.root();
  spec.output = scene.project.scratch("out");
  ChildProcess following(spec);
  ASSERT_TRUE(eventually(kSoon, [&] { return lines_of(spec.output).size() == 1; }));
  write_file(release, "");
  ASSERT_TRUE(following.wait(kRunTime).has_value());
  EXPECT_THAT(lines_of(spec.output),
              ElementsAre(HasSubstr("StepStartEvent"), HasSubstr("StepCompleteEvent"),
                          HasSubstr("RunCompleteEvent")));
}

TEST_F(Client, ResumeAnswersAGateEitherWay) {
  paused_run("yes");
  paused_run("no");
  EXPECT_EQ(charter({"resume", "yes", "--approve"}).code, kFine);
  EXPECT_EQ(charter({"resume", "no", "--deny", "--note", "not now"}).code, kFine);
  EXPECT_EQ(scene.gateway.wait_for_end("yes"), "RunCompleteEvent");
  EXPECT_EQ(scene.gateway.wait_for_end("no"), "RunCancelledEvent");
  EXPECT_EQ(text_of(scene.gateway.events("no").back(), "note"), "not now");
}

TEST_F(Client, ResumeOfARunThatDoesNotWaitIsRefused) {
  ASSERT_EQ(charter({"run", "hold", "--run-id", "r1"}).code, kFine);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  EXPECT_EQ(charter({"resume", "r1", "--approve"}).code, kRefused);
  EXPECT_EQ(charter({"resume", "nobody", "--approve"}).code, kUnknownRun);
  EXPECT_EQ(charter({"resume", "r1"}).code, kUsage);
}

TEST_F(Client, StopLeavesRunsAndSaysHowMany) {
  ASSERT_EQ(charter({"run", "hold", "--run-id", "r1"}).code, kFine);
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  const auto end = charter({"stop", "--json"});
  EXPECT_EQ(end.code, kFine) << end.err;
  EXPECT_EQ(parsed(end.out).at("executing"), 1);
  ASSERT_TRUE(scene.daemon.wait().has_value());
  write_file(release, "");
  scene.daemon.start();
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
}

TEST_F(Client, StopWithRunsEndsThemFirst) {
  ASSERT_EQ(charter({"run", "hold", "--run-id", "r1"}).code, kFine);
  paused_run("r2");
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  const auto end = charter({"stop", "--runs", "--json"});
  EXPECT_EQ(end.code, kFine) << end.err;
  EXPECT_EQ(parsed(end.out).at("executing"), 0);
  EXPECT_EQ(parsed(end.out).at("paused"), 1);
  ASSERT_TRUE(scene.daemon.wait().has_value());
  EXPECT_THAT(read_file(scene.project.state_file("r1")), HasSubstr("\"status\": \"cancelled\""));
  EXPECT_THAT(read_file(scene.project.state_file("r2")), HasSubstr("\"status\": \"paused\""));
}

TEST_F(Client, EveryCommandSaysThatThereIsNoDaemon) {
  scene.daemon.stop();
  const std::vector<std::vector<std::string>> commands = {
      {"run", "hello"}, {"list"}, {"status"}, {"events", "r1"}, {"resume", "r1", "--approve"},
      {"drain"},        {"stop"}};
  for (const auto& command : commands) {
    const auto end = charter(command);
    EXPECT_EQ(end.code, kNoDaemon) << command[0];
    EXPECT_EQ(end.out, "") << command[0];
    EXPECT_NE(end.err, "") << command[0];
  }
}

TEST_F(Client, ProjectThatIsNoneIsToldApart) {
  const std::string bare = scene.project.scratch("bare");
  const auto asked = [](const std::string& directory) {
    ChildSpec spec;
    spec.argv = {daemon_binary(), "list"};
    spec.directory = directory;
    return run_to_end(spec);
  };
  write_file(bare + "/charter.yml", "# nothing yet\n");
  EXPECT_EQ(asked(bare).code, kUsage);
  EXPECT_THAT(asked(bare).err, HasSubstr(bare + "/charter.yml makes no project: it has no name"));
  const std::string spaced = scene.project.scratch("a b");
  write_file(spaced + "/charter.yml", "name: x\n");
  EXPECT_EQ(asked(spaced).code, kNoDaemon);
  EXPECT_THAT(asked(spaced).err, HasSubstr("start --project-path '" + spaced + "'"));
}

TEST_F(Client, ProjectIsFoundUpwardOrByOption) {
  std::filesystem::create_directories(scene.project / "deep/inside");
  ChildSpec spec;
  spec.argv = {daemon_binary(), "list"};
  spec.directory = scene.project / "deep/inside";
  EXPECT_EQ(run_to_end(spec).code, kFine);
  spec.directory = "/";
  EXPECT_NE(run_to_end(spec).code, kFine);
  spec.argv = {daemon_binary(), "list", "--project-path", scene.project.root()};
  EXPECT_EQ(run_to_end(spec).code, kFine);
}

// Who keeps the text in a file wants to know that the file is not whole.
TEST_F(Client, WhatCannotBePrintedIsAnError) {
  for (const auto* words : {"--help", "--version", "help", "help list", "doctor", "list"}) {
    ChildSpec spec;
    spec.argv = {"/bin/sh", "-c", "exec \"$0\" " + std::string(words) + " > /dev/full",
                 daemon_binary()};
    spec.directory = scene.project.root();
    const auto done = run_to_end(spec);
    EXPECT_EQ(done.code, 7) << words << done.err;
    EXPECT_THAT(done.err, HasSubstr("Error: Standard output could not be written.")) << words;
  }
}

TEST_F(Client, HelpAndUnknownCommandsAreUsage) {
  EXPECT_EQ(charter({"help", "--help"}).out, charter({"--help"}).out);
  EXPECT_EQ(charter({"help", "--help"}).code, kFine);
  EXPECT_THAT(charter({"--help"}).out, HasSubstr("kill"));
  EXPECT_THAT(charter({"kill", "--help"}).out, HasSubstr("--grace"));
  EXPECT_EQ(charter({"explode"}).code, kUsage);
  EXPECT_EQ(charter({"list", "--colour"}).code, kUsage);
}

TEST_F(Client, ControlRequestsOfAnotherVersionAreRefusedNamingBoth) {
  const auto raw =
      exchange(scene.daemon.socket(), "{\"type\":\"control\",\"version\":99,\"op\":\"ping\"}\n");
  const auto answer = parsed(raw.value_or(""));
  EXPECT_EQ(text_of(answer, "code"), "unsupported_version");
  EXPECT_THAT(text_of(answer, "error"), HasSubstr("99"));
  EXPECT_THAT(text_of(answer, "error"), HasSubstr("1"));
}

TEST_F(Client, ControlRequestsNameAnUnknownFieldOrOperation) {
  auto answer = control(scene.daemon.socket(), "ping", {{"colour", "red"}}).back();
  EXPECT_EQ(text_of(answer, "code"), "invalid_request");
  EXPECT_THAT(text_of(answer, "error"), HasSubstr("colour"));
  answer = control(scene.daemon.socket(), "explode").back();
  EXPECT_EQ(text_of(answer, "code"), "invalid_request");
}

TEST(ClientStatus, TellsSinceWhenTheLinkStandsAndWhenItWasHeard) {
  DaemonOptions options;
  options.arguments = {"--heartbeat-interval", "0.1", "--reconnect-delay", "0.05"};
  Started scene(options);
  const auto gateway = [&] {
    const auto answer = parsed(charter_daemon(scene.project, {"status", "--json"}).out);
    return answer.at("daemon").at("gateway").as_object();
  };
  ASSERT_TRUE(scene.gateway.wait_for("worker.heartbeat"));
  const auto up = gateway();
  EXPECT_EQ(text_of(up, "state"), "up");
  EXPECT_THAT(text_of(up, "connected_since"), StartsWith("20"));
  EXPECT_GT(text_of(up, "last_heartbeat_at"), text_of(up, "connected_since"));
  EXPECT_GE(text_of(up, "last_heard_at"), text_of(up, "connected_since"));
  scene.gateway.kill();
  ASSERT_TRUE(eventually(kSoon, [&] { return gateway().at("attempts").as_int64() > 1; }));
  const auto down = gateway();
  EXPECT_TRUE(down.at("connected_since").is_null());
  EXPECT_GE(text_of(down, "last_heartbeat_at"), text_of(up, "last_heartbeat_at"));
  EXPECT_THAT(charter_daemon(scene.project, {"status"}).out, HasSubstr("attempt"));
}

}  // namespace
}  // namespace charter::tests
