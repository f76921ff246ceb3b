// A command with an id takes effect once, however often, late or out of order it comes and
// whatever dies in between; who repeats it gets the first answer again.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/process_table.h"
#include "tests/support/started.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What happens between two times that a command comes.
enum class Between { nothing, reconnect, kill, kill_at_once };

struct Way {
  std::string name;
  Between between = Between::nothing;
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

class CommandIdempotence : public ::testing::TestWithParam<Way> {
 protected:
  explicit CommandIdempotence(std::string protocol = {}) : scene(options(), protocol) {
    capnp = capnp || protocol == "capnp";
    const std::string count = "inputs: {log: log}";
    scene.project.add_workflow("hello", shell_step("greet", "true"));
    // A run from a gateway has its log beside the project.
    scene.project.add_workflow("start", shell_step("note", "echo x >> " + started));
    scene.project.add_workflow(
        "gates", gate_step("first") + shell_step("one", "echo 1 >> \"$log\"", count) +
                     gate_step("second") + shell_step("two", "echo 2 >> \"$log\"", count));
    scene.project.add_workflow(
        "asks",
        "  - {id: f, type: input, message: hello, outputs: {answer: q}, questions: [{id: q, "
        "kind: text, prompt: say}]}\n" +
            shell_step("after", "echo \"$A\" >> \"$log\"", "inputs: {A: answer, log: log}"));
    scene.project.add_workflow("deaf", shell_step("wait",
                                                  "trap 'echo t >> \"$log\"' TERM\n"
                                                  "while :; do sleep 0.02; done",
                                                  count));
    EXPECT_TRUE(scene.gateway.wait_for("worker.register"));
  }
  static DaemonOptions options() {
    DaemonOptions options;
    options.arguments = {"--kill-grace",      "1",   "--heartbeat-interval", "0.2",
                         "--reconnect-delay", "0.02"};
    return options;
  }
  void run(const std::string& id, const std::string& workflow) {
    ASSERT_TRUE(scene.run(id, workflow, {{"log", log(id)}}).ok);
  }
  std::string log(const std::string& run) const { return scene.project.scratch(run + ".log"); }

  // All answers to a command id so far, without what differs by the connection.
  std::vector<std::string> answers(const std::string& command_id) {
    std::vector<std::string> found;
    for (const auto& message : scene.gateway.messages()) {
      if (text_of(message.json, "command_id") == command_id) found.push_back(message.text);
    }
    return found;
  }
  bool answered(const object& command) const {
    // In JSON only these two are.
    return capnp || text_of(command, "type") == "run.start" ||
           text_of(command, "type") == "run.input";
  }
  // What comes on one connection is taken in order, so this one's answer says that all before it
  // has been read.
  void wait_until_read() {
    const std::string id = "mark-" + std::to_string(++marks_);
    send({{"type", "run.start"}, {"command_id", id}, {"workflow_id", "none"}, {"run_id", id}});
    ASSERT_TRUE(eventually(kSoon, [&] { return !answers(id).empty(); }));
  }
  void send(const object& command) { scene.gateway.send(command); }
  void anew(Between between) {
    const std::size_t before = scene.gateway.of_type("worker.register").size();
    if (between == Between::reconnect) scene.gateway.drop_connections();
    if (between == Between::kill || between == Between::kill_at_once) {
      scene.daemon.kill();
      scene.daemon.start();
    }
    if (between == Between::nothing) return;
    ASSERT_TRUE(scene.gateway.wait_for("worker.register", before + 1));
  }
  // Three times, with what the way has in between. Answers come when the daemon has lived so long.
  void send_thrice(const object& command) {
    const std::string id = text_of(command, "command_id");
    for (int i = 0; i < 3; ++i) {
      const std::size_t before = answers(id).size();
      send(command);
      const bool dies = GetParam().between == Between::kill_at_once && i < 2;
      if (!dies && answered(command)) {
        ASSERT_TRUE(eventually(kSoon, [&] { return answers(id).size() > before; }))
            << boost::json::serialize(command);
      } else if (!dies) {
        ASSERT_NO_FATAL_FAILURE(wait_until_read());
      }
      if (i == 2) continue;
      ASSERT_NO_FATAL_FAILURE(anew(GetParam().between));
    }
  }
  // Once more when all is over and delivered, on another connection and by another daemon.
  void expect_the_same_answer_after_the_end(const object& command) {
    const std::string run = text_of(command, "run_id");
    ASSERT_TRUE(eventually(kRunTime, [&] {
      const auto view = run_view(scene.daemon.socket(), run);
      return text_of(view, "state") == "finished" && view.at("events") == view.at("delivered");
    }));
    const std::string id = text_of(command, "command_id");
    for (const Between between : {Between::nothing, Between::reconnect, Between::kill}) {
      ASSERT_NO_FATAL_FAILURE(anew(between));
      const std::size_t before = answers(id).size();
      send(command);
      ASSERT_NO_FATAL_FAILURE(wait_until_read());
      if (!answered(command)) continue;
      ASSERT_TRUE(eventually(kSoon, [&] { return answers(id).size() > before; }));
    }
    for (const std::string& answer : answers(id)) EXPECT_EQ(answer, answers(id).front());
    EXPECT_EQ(scene.gateway.order_faults(run), "");
  }
  bool has_events(const std::string& run, std::string_view kind, std::ptrdiff_t count) {
    return eventually(kRunTime, [&] {
      const auto kinds = scene.gateway.event_kinds(run);
      return std::count(kinds.begin(), kinds.end(), kind) == count;
    });
  }
  object approval(const std::string& command_id, bool approved = true) const {
    object command{{"type", "run.resume"},
                   {"run_id", "r1"},
                   {"approved", approved},
                   {"command_id", command_id}};
    return command;
  }

  bool capnp = std::getenv("CHARTER_TEST_PROTOCOL") != nullptr;
  Started scene;
  const std::string started = scene.project.scratch("started");

 private:
  int marks_ = 0;
};

TEST_P(CommandIdempotence, StartRunsOnce) {
  const object start{
      {"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "start"}, {"run_id", "r1"}};
  ASSERT_NO_FATAL_FAILURE(send_thrice(start));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  ASSERT_NO_FATAL_FAILURE(expect_the_same_answer_after_the_end(start));
  EXPECT_THAT(lines_of(started), ElementsAre("x"));
}

TEST_P(CommandIdempotence, RefusedStartStaysRefused) {
  const object start{
      {"type", "run.start"}, {"command_id", "c1"}, {"workflow_id", "late"}, {"run_id", "r1"}};
  ASSERT_NO_FATAL_FAILURE(send_thrice(start));
  scene.project.add_workflow("late", shell_step("note", "echo x >> " + started));
  ASSERT_NO_FATAL_FAILURE(send_thrice(start));
  for (const std::string& answer : answers("c1")) EXPECT_EQ(answer, answers("c1").front());
  EXPECT_THAT(answers("c1").front(), ::testing::HasSubstr("unknown_workflow"));
  EXPECT_THAT(lines_of(started), IsEmpty());
}

TEST_P(CommandIdempotence, ApprovalPassesOneGate) {
  ASSERT_NO_FATAL_FAILURE(run("r1", "gates"));
  ASSERT_TRUE(has_events("r1", "GatePendingEvent", 1));
  ASSERT_NO_FATAL_FAILURE(send_thrice(approval("c1")));
  ASSERT_TRUE(has_events("r1", "GatePendingEvent", 2));
  // Out of order: the first one's repeat comes around the second.
  send(approval("c1"));
  ASSERT_NO_FATAL_FAILURE(send_thrice(approval("c2")));
  send(approval("c1"));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  ASSERT_NO_FATAL_FAILURE(expect_the_same_answer_after_the_end(approval("c1")));
  ASSERT_NO_FATAL_FAILURE(expect_the_same_answer_after_the_end(approval("c2")));
  EXPECT_THAT(lines_of(log("r1")), ElementsAre("1", "2"));
  EXPECT_TRUE(has_events("r1", "GateDecisionEvent", 2));
}

// Pauses are named in charter.capnp.v1 alone.
class NamedPauses : public CommandIdempotence {
 protected:
  NamedPauses() : CommandIdempotence("capnp") {}
};

// By step and number of the pause, whatever the id: the second gate is nobody's but its own.
TEST_P(NamedPauses, ApprovalPassesThatOneAlone) {
  ASSERT_NO_FATAL_FAILURE(run("r1", "gates"));
  ASSERT_TRUE(has_events("r1", "GatePendingEvent", 1));
  const auto named = [&](const std::string& id, const std::string& step, int pause) {
    object command = approval(id);
    command["step_id"] = step;
    command["pause"] = pause;
    return command;
  };
  send(named("early", "second", 2));
  ASSERT_TRUE(eventually(kSoon, [&] { return !answers("early").empty(); }));
  ASSERT_NO_FATAL_FAILURE(send_thrice(named("c1", "first", 1)));
  ASSERT_TRUE(has_events("r1", "GatePendingEvent", 2));
  for (const char* id : {"late1", "late2", "late3"}) send(named(id, "first", 1));
  ASSERT_TRUE(eventually(kSoon, [&] { return !answers("late3").empty(); }));
  EXPECT_THAT(answers("late1").front(), ::testing::HasSubstr("pause_over"));
  EXPECT_THAT(answers("early").front(), ::testing::HasSubstr("not_paused"));
  EXPECT_EQ(text_of(run_view(scene.daemon.socket(), "r1"), "state"), "paused");
  ASSERT_NO_FATAL_FAILURE(send_thrice(named("c2", "second", 2)));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  for (const char* id : {"early", "c1", "late1"}) {
    ASSERT_NO_FATAL_FAILURE(expect_the_same_answer_after_the_end(
        named(id, std::string(id) == "early" ? "second" : "first", id[0] == 'e' ? 2 : 1)));
  }
  EXPECT_THAT(lines_of(log("r1")), ElementsAre("1", "2"));
}

TEST_P(CommandIdempotence, RefusalOfAGateBehindItsApprovalChangesNothing) {
  ASSERT_NO_FATAL_FAILURE(run("r1", "gates"));
  ASSERT_TRUE(has_events("r1", "GatePendingEvent", 1));
  ASSERT_NO_FATAL_FAILURE(send_thrice(approval("c1", false)));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  send(approval("c2", true));
  ASSERT_NO_FATAL_FAILURE(expect_the_same_answer_after_the_end(approval("c1", false)));
  EXPECT_THAT(lines_of(log("r1")), IsEmpty());
  EXPECT_TRUE(has_events("r1", "GateDecisionEvent", 1));
}

TEST_P(CommandIdempotence, InputIsTakenOnce) {
  ASSERT_NO_FATAL_FAILURE(run("r1", "asks"));
  ASSERT_TRUE(has_events("r1", "InputPendingEvent", 1));
  const auto input = [](const char* id, const char* value) {
    return object{{"type", "run.input"},
                  {"run_id", "r1"},
                  {"command_id", id},
                  {"input", {{"kind", "form"}, {"answers", {{"q", value}}}}}};
  };
  ASSERT_NO_FATAL_FAILURE(send_thrice(input("c1", "first")));
  // The same id with other contents is the first one's repeat, too.
  ASSERT_NO_FATAL_FAILURE(send_thrice(input("c1", "other")));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCompleteEvent");
  ASSERT_NO_FATAL_FAILURE(expect_the_same_answer_after_the_end(input("c1", "first")));
  EXPECT_THAT(answers("c1").front(), ::testing::HasSubstr("\"ok\":true"));
  EXPECT_THAT(lines_of(log("r1")), ElementsAre("first"));
}

TEST_P(CommandIdempotence, CancelEndsOnceAndAlsoAfterACrash) {
  ASSERT_NO_FATAL_FAILURE(run("r1", "deaf"));
  ASSERT_TRUE(scene.gateway.wait_for_event("r1", "StepStartEvent"));
  ASSERT_TRUE(eventually(kSoon, [&] { return !scene.project.processes_of("r1").empty(); }));
  const object cancel{
      {"type", "run.cancel"}, {"run_id", "r1"}, {"note", "enough"}, {"command_id", "c1"}};
  ASSERT_NO_FATAL_FAILURE(send_thrice(cancel));
  EXPECT_EQ(scene.gateway.wait_for_end("r1"), "RunCancelledEvent");
  ASSERT_NO_FATAL_FAILURE(expect_the_same_answer_after_the_end(cancel));
  EXPECT_THAT(scene.gateway.event_kinds("r1"), ElementsAre("StepStartEvent", "RunCancelledEvent"));
  EXPECT_EQ(text_of(scene.gateway.events("r1").back(), "note"), "enough");
  EXPECT_TRUE(scene.project.processes_of("r1").empty());
}

const std::vector<Way> kWays{{"ThriceInARow", Between::nothing},
                             {"AcrossReconnects", Between::reconnect},
                             {"AcrossKillsBehindTheAnswer", Between::kill},
                             {"AcrossKillsAtOnce", Between::kill_at_once}};
const auto kName = [](const auto& each) { return each.param.name; };

INSTANTIATE_TEST_SUITE_P(Sent, CommandIdempotence, ::testing::ValuesIn(kWays), kName);
INSTANTIATE_TEST_SUITE_P(Sent, NamedPauses, ::testing::ValuesIn(kWays), kName);

}  // namespace
}  // namespace charter::tests
