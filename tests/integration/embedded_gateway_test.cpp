// `charter-daemon gateway` and a daemon: everything a single host needs, in both protocols.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/support/daemon_process.h"
#include "tests/support/hand_off_client.h"
#include "tests/support/http_client.h"

namespace charter::tests {
namespace {

using boost::json::object;
using ::testing::HasSubstr;

// The daemon's --gateway-protocol: auto, which is charter.capnp.v1 here, or json.
class EmbeddedGateway : public ::testing::TestWithParam<const char*> {
 protected:
  EmbeddedGateway() {
    start();
    project.add_workflow("hello", shell_step("greet", "true"));
    project.add_workflow("ask", gate_step("gate") + shell_step("after", "true"));
    project.add_workflow("hold", shell_step("wait", "sleep 1000"));
  }

  void start() {
    ChildSpec spec;
    spec.argv = {daemon_binary(), "gateway",
                 "--listen",      "127.0.0.1:" + std::to_string(port),
                 "--data",        project.scratch("gateway")};
    spec.output = project.scratch("gateway.out");
    spec.errors = project.scratch("gateway.err");
    write_file(spec.output, "");
    process = ChildProcess(spec);
    ASSERT_TRUE(eventually(kSoon, [&] {
      const auto text = read_file(spec.output);
      const auto colon = text.rfind(':');
      if (!text.ends_with('\n') || colon == std::string::npos) return false;
      port = static_cast<std::uint16_t>(std::stoi(text.substr(colon + 1)));
      return port != 0;
    })) << read_file(spec.errors);
  }

  DaemonOptions options(const char* protocol = GetParam()) const {
    DaemonOptions with;
    with.arguments = {"--gateway-protocol", protocol};
    with.gateway = "http://127.0.0.1:" + std::to_string(port);
    return with;
  }
  object get(const std::string& path) const {
    boost::system::error_code bad;
    auto value = boost::json::parse(http(port, "GET", path).body, bad);
    return !bad && value.is_object() ? value.get_object() : object{};
  }
  int post(const std::string& path, const object& body) const {
    return http(port, "POST", path, boost::json::serialize(body)).status;
  }
  bool reaches(const std::string& run, std::string_view status) const {
    return eventually(kRunTime,
                      [&] { return text_of(get("/api/runs/" + run), "status") == status; });
  }
  // "0 StepStartEvent, 1 StepCompleteEvent, …"
  std::string events(const std::string& run) const {
    std::string text;
    const auto page = get("/api/runs/" + run + "/events");
    const auto* list = page.if_contains("events");
    if (list == nullptr) return text;
    for (const auto& event : list->as_array()) {
      if (!text.empty()) text += ", ";
      text += std::to_string(event.at("seq").as_int64()) + " " +
              std::string(event.at("event").at("kind").as_string());
    }
    return text;
  }

  // A run's log as far as somebody has read it: "step>text", or "step!text" on standard error,
  // named where it is another than before: a line may come in two pieces.
  struct Log {
    std::string next = "0-0-0";
    std::string source;
    std::string text;
    std::int64_t dropped = 0;
    int parts = 0;
    bool over = false;
  };
  // False when the daemon does not answer now.
  bool read_on(const std::string& run, Log& log) const {
    for (bool more = true; more;) {
      const auto answer = get("/api/runs/" + run + "/log?from=" + log.next);
      const auto* pieces = answer.if_contains("pieces");
      if (pieces == nullptr) return false;
      for (const auto& piece : pieces->as_array()) {
        const auto& members = piece.as_object();
        if (const auto* dropped = members.if_contains("dropped"))
          log.dropped += dropped->as_int64();
        const std::string source =
            text_of(members, "step") + (text_of(members, "stream") == "stdout" ? ">" : "!");
        if (std::exchange(log.source, source) != source) log.text += source;
        log.text += text_of(members, "text");
      }
      ++log.parts;
      log.next = text_of(answer, "next");
      log.over = answer.at("over").as_bool();
      more = answer.at("more").as_bool();
    }
    return true;
  }

  ProjectFixture project;
  std::uint16_t port = 0;
  ChildProcess process;
};

TEST_P(EmbeddedGateway, StartsApprovesAndShowsRuns) {
  DaemonProcess daemon(project, options());
  ASSERT_TRUE(
      eventually(kSoon, [&] { return !get("/api/workers").at("workers").as_array().empty(); }));
  EXPECT_EQ(post("/api/runs", {{"workflow_id", "ask"}, {"run_id", "r1"}}), 202);
  ASSERT_TRUE(reaches("r1", "paused"));
  EXPECT_EQ(post("/api/runs/r1/resume", {{"approved", true}, {"note", "fine"}}), 202);
  ASSERT_TRUE(reaches("r1", "completed"));
  EXPECT_EQ(events("r1"),
            "0 GatePendingEvent, 1 GateDecisionEvent, 2 StepStartEvent, 3 StepCompleteEvent, "
            "4 RunCompleteEvent");
}

// A monitoring system asks for its figures as it asks the daemon.
TEST_P(EmbeddedGateway, TellsMetricsAndReadiness) {
  DaemonProcess daemon(project, options());
  const auto exposed = [this](const char* line) {
    return http(port, "GET", "/metrics").body.find(std::string("\n") + line + "\n") !=
           std::string::npos;
  };
  EXPECT_TRUE(eventually(kSoon, [&] { return exposed("charter_gateway_workers 1"); }));
  EXPECT_TRUE(exposed("charter_gateway_storing 1"));
  EXPECT_THAT(http(port, "GET", "/metrics").head, HasSubstr("text/plain; version=0.0.4"));
  EXPECT_EQ(http(port, "GET", "/readyz").status, 200);
  EXPECT_EQ(http(port, "POST", "/metrics", "{}").status, 405);
}

TEST_P(EmbeddedGateway, CancelsAnExecutingRun) {
  DaemonProcess daemon(project, options());
  ASSERT_TRUE(hand_off(daemon.socket(), {"r1", "hold", project.plan("hold"), {}, {}, {}}).ok);
  ASSERT_TRUE(eventually(kSoon, [&] { return events("r1") == "0 StepStartEvent"; }));
  EXPECT_EQ(post("/api/runs/r1/cancel", {{"note", "enough"}}), 202);
  ASSERT_TRUE(reaches("r1", "cancelled"));
  EXPECT_EQ(events("r1"), "0 StepStartEvent, 1 RunCancelledEvent");
}

TEST_P(EmbeddedGateway, CommandsOfTheDaemonAreSettled) {
  DaemonProcess daemon(project, options());
  ASSERT_TRUE(
      eventually(kSoon, [&] { return !get("/api/workers").at("workers").as_array().empty(); }));
  EXPECT_EQ(post("/api/runs", {{"workflow_id", "nobody"}, {"command_id", "c1"}}), 202);
  EXPECT_TRUE(eventually(
      kSoon, [&] { return text_of(get("/api/commands/c1"), "code") == "unknown_workflow"; }));
}

TEST_P(EmbeddedGateway, ADaemonTellsOfItsWorkflowsInCapnp) {
  project.add_workflow("inputs", shell_step("greet", "true"),
                       "inputs:\n  who: {type: string, required: true, description: d}\n");
  DaemonProcess daemon(project, options());
  ASSERT_TRUE(
      eventually(kSoon, [&] { return !get("/api/workers").at("workers").as_array().empty(); }));
  const auto told = [&] { return get("/api/workers/1/workflows"); };
  if (std::string_view(GetParam()) == "json") {
    EXPECT_EQ(text_of(told().at("error").as_object(), "code"), "not_told");
    return;
  }
  const auto named = [&](std::string_view id) {
    const auto answer = told();
    const auto* all = answer.if_contains("workflows");
    if (all == nullptr) return object{};
    for (const auto& one : all->as_array()) {
      if (text_of(one.as_object(), "id") == id) return one.as_object();
    }
    return object{};
  };
  EXPECT_EQ(
      named("inputs").at("inputs").at(0),
      boost::json::parse(R"({"name":"who","type":"string","description":"d","required":true})"));
  EXPECT_TRUE(named("new").empty());
  project.add_workflow("new", shell_step("greet", "true"));
  EXPECT_TRUE(eventually(kSoon, [&] { return !named("new").empty(); }));
}

// ---- what steps print ----

TEST_P(EmbeddedGateway, ShowsWhatAStepPrintsWhileItRunsAndLongAfter) {
  const std::string release = project.scratch("release");
  project.add_workflow("talks", shell_step("one", "echo first; while [ ! -e '" + release +
                                                      "' ]; do sleep 0.02; done; echo second >&2"));
  std::optional<DaemonProcess> daemon(std::in_place, project, options());
  ASSERT_TRUE(hand_off(daemon->socket(), {"r1", "talks", project.plan("talks"), {}, {}, {}}).ok);
  ASSERT_TRUE(reaches("r1", "running"));
  if (std::string_view(GetParam()) == "json") {
    EXPECT_EQ(text_of(get("/api/runs/r1/log").at("error").as_object(), "code"), "not_told");
    write_file(release, "");
    return;
  }
  Log log;
  ASSERT_TRUE(eventually(kSoon, [&] { return read_on("r1", log) && log.text == "one>first\n"; }));
  EXPECT_FALSE(log.over);
  write_file(release, "");
  ASSERT_TRUE(eventually(kRunTime, [&] { return read_on("r1", log) && log.over; }));
  EXPECT_EQ(log.text, "one>first\none!second\n");
  // By a daemon that was started again, too, and of nobody while none is there.
  daemon.reset();
  ASSERT_TRUE(eventually(kSoon, [&] {
    const auto answer = get("/api/runs/r1/log");
    return answer.contains("error") &&
           text_of(answer.at("error").as_object(), "code") == "not_connected";
  }));
  daemon.emplace(project, options());
  Log again;
  ASSERT_TRUE(eventually(kSoon, [&] { return read_on("r1", again) && again.over; }));
  EXPECT_EQ(again.text, log.text);
}

TEST_P(EmbeddedGateway, WhatIsNotKeptOfALogIsAGap) {
  if (std::string_view(GetParam()) == "json") GTEST_SKIP() << "there a daemon does not tell";
  project.add_workflow(
      "much", shell_step("much",
                         "i=0; while [ $i -lt 60000 ]; do i=$((i+1)); "
                         "echo \"line $i of a log that is longer than what is kept\"; done"));
  auto with = options();
  with.arguments.insert(with.arguments.end(), {"--run-log-max", "1M"});
  DaemonProcess daemon(project, with);
  ASSERT_TRUE(hand_off(daemon.socket(), {"r1", "much", project.plan("much"), {}, {}, {}}).ok);
  ASSERT_TRUE(reaches("r1", "completed"));
  Log log;
  ASSERT_TRUE(eventually(kRunTime, [&] { return read_on("r1", log) && log.over; }));
  EXPECT_GT(log.dropped, 100'000);
  EXPECT_GT(log.parts, 1) << "an answer is small";
  EXPECT_THAT(log.text,
              ::testing::EndsWith("line 60000 of a log that is longer than what is kept\n"));
  const auto tail = get("/api/runs/r1/log?tail=2000");
  ASSERT_TRUE(tail.contains("pieces"));
  EXPECT_FALSE(tail.at("more").as_bool());
  ASSERT_FALSE(tail.at("pieces").as_array().empty());
  const auto& first = tail.at("pieces").as_array().front().as_object();
  EXPECT_GT(first.at("earlier").as_int64(), 100'000);
}

// Short output, as most is: frames take more of the file than it does.
TEST_P(EmbeddedGateway, TheTailOfALogIsWhatWasPrintedLast) {
  if (std::string_view(GetParam()) == "json") GTEST_SKIP() << "there a daemon does not tell";
  project.add_workflow("short", shell_step("say", "echo first; sleep 0.2; echo later"));
  DaemonProcess daemon(project, options());
  ASSERT_TRUE(hand_off(daemon.socket(), {"r1", "short", project.plan("short"), {}, {}, {}}).ok);
  ASSERT_TRUE(reaches("r1", "completed"));
  Log log;
  ASSERT_TRUE(eventually(kRunTime, [&] { return read_on("r1", log) && log.over; }));
  for (const std::string bytes : {"1", "6", "12", "100"}) {
    const auto tail = get("/api/runs/r1/log?tail=" + bytes);
    std::string text;
    std::int64_t earlier = 0;
    for (const auto& piece : tail.at("pieces").as_array()) {
      text += piece.at("text").as_string();
      EXPECT_FALSE(piece.as_object().contains("dropped")) << bytes;
      if (const auto* before = piece.as_object().if_contains("earlier")) {
        earlier = before->as_int64();
      }
    }
    EXPECT_GE(text.size(), std::min<std::size_t>(std::stoul(bytes), 12)) << bytes;
    EXPECT_EQ(earlier + static_cast<std::int64_t>(text.size()), 12) << bytes;
    EXPECT_TRUE(text.ends_with("later\n")) << bytes;
    EXPECT_TRUE(text_of(tail, "next").starts_with("12-")) << text_of(tail, "next");
    const auto rest = get("/api/runs/r1/log?from=" + text_of(tail, "next"));
    EXPECT_TRUE(rest.at("pieces").as_array().empty()) << bytes;
  }
}

// Masked before it was on disk, so masked here.
TEST_P(EmbeddedGateway, SecretsAreMaskedInLogs) {
  if (std::string_view(GetParam()) == "json") GTEST_SKIP() << "there a daemon does not tell";
  project.add_workflow(
      "hush",
      shell_step("say", "echo \"with $KEY!\"", "inputs: {KEY: {from: key, sensitive: true}}"),
      "inputs:\n  key: {type: string, required: true, description: secret}\n");
  DaemonProcess daemon(project, options());
  ASSERT_TRUE(hand_off(daemon.socket(),
                       {"r1", "hush", project.plan("hush"), {{"key", "hunter2-hunter2"}}, {}, {}})
                  .ok);
  Log log;
  ASSERT_TRUE(eventually(kRunTime, [&] { return read_on("r1", log) && log.over; }));
  EXPECT_EQ(log.text, "say>with <redacted: sensitive>!\n");
}

TEST_P(EmbeddedGateway, LogsStayHereWhereThatIsWanted) {
  auto with = options();
  with.arguments.insert(with.arguments.end(), {"--gateway-logs", "off"});
  DaemonProcess daemon(project, with);
  ASSERT_TRUE(hand_off(daemon.socket(), {"r1", "hello", project.plan("hello"), {}, {}, {}}).ok);
  ASSERT_TRUE(reaches("r1", "completed"));
  const auto refused = get("/api/runs/r1/log");
  EXPECT_EQ(text_of(refused.at("error").as_object(), "code"), "not_told");
}

TEST_P(EmbeddedGateway, KilledItHasWhatItHadAndGetsWhatItMissed) {
  DaemonProcess daemon(project, options());
  ASSERT_TRUE(hand_off(daemon.socket(), {"before", "hello", project.plan("hello"), {}, {}, {}}).ok);
  ASSERT_TRUE(reaches("before", "completed"));
  process.kill();
  ASSERT_TRUE(hand_off(daemon.socket(), {"during", "hello", project.plan("hello"), {}, {}, {}}).ok);
  ASSERT_TRUE(reaches_state(daemon.socket(), "during", "finished"));
  start();
  ASSERT_TRUE(reaches("during", "completed"));
  for (const auto* run : {"before", "during"}) {
    EXPECT_EQ(events(run), "0 StepStartEvent, 1 StepCompleteEvent, 2 RunCompleteEvent");
  }
}

TEST_P(EmbeddedGateway, FrozenAndKilledItHasEveryEvent) {
  project.add_workflow("many", state_steps(200));
  DaemonProcess daemon(project, options());
  ASSERT_TRUE(
      eventually(kSoon, [&] { return !get("/api/workers").at("workers").as_array().empty(); }));
  process.signal(SIGSTOP);
  ASSERT_TRUE(hand_off(daemon.socket(), {"r1", "many", project.plan("many"), {}, {}, {}}).ok);
  ASSERT_TRUE(reaches_state(daemon.socket(), "r1", "finished"));
  process.kill();
  start();
  // The announcement tells the end before the events on the way to it are all here.
  ASSERT_TRUE(reaches("r1", "completed"));
  EXPECT_TRUE(eventually(kRunTime, [&] { return get("/api/runs/r1").at("events") == 401; }));
}

TEST_P(EmbeddedGateway, ShowsTheProtocolAndTheDaemonDoes) {
  DaemonProcess daemon(project, options());
  const auto expected = std::string_view(GetParam()) == "auto" ? "capnp" : "json";
  ASSERT_TRUE(
      eventually(kSoon, [&] { return !get("/api/workers").at("workers").as_array().empty(); }));
  EXPECT_EQ(get("/api/workers").at("workers").at(0).at("protocol"), expected);
  const auto status = control(daemon.socket(), "status");
  ASSERT_FALSE(status.empty());
  const auto& gateway = status.back().at("daemon").at("gateway");
  EXPECT_EQ(gateway.at("protocol"), expected);
  EXPECT_EQ(gateway.at("confirms"), std::string_view(expected) == "capnp" ? "ack" : "pong");
}

// A run that waits moves from a daemon that speaks one protocol to one that speaks the other, with
// an order that was given while nobody was there.
TEST_P(EmbeddedGateway, AnOrderWaitsForADaemonThatComesBackInTheOtherProtocol) {
  const char* other = std::string_view(GetParam()) == "auto" ? "json" : "auto";
  project.add_workflow("twice", gate_step("one") + gate_step("two") + shell_step("after", "true"));
  {
    DaemonProcess daemon(project, options());
    ASSERT_TRUE(hand_off(daemon.socket(), {"r1", "twice", project.plan("twice"), {}, {}, {}}).ok);
    ASSERT_TRUE(reaches("r1", "paused"));
    daemon.stop();
  }
  ASSERT_TRUE(eventually(kSoon, [&] { return !get("/api/runs/r1").at("connected").as_bool(); }));
  EXPECT_EQ(post("/api/runs/r1/resume", {{"approved", true}, {"command_id", "c1"}}), 202);
  EXPECT_EQ(text_of(get("/api/commands/c1"), "state"), "pending");
  DaemonProcess daemon(project, options(other));
  ASSERT_TRUE(
      eventually(kRunTime, [&] { return text_of(get("/api/commands/c1"), "state") == "done"; }));
  ASSERT_TRUE(eventually(kRunTime, [&] {
    const auto run = get("/api/runs/r1");
    const auto* waiting = run.if_contains("waiting");
    return waiting != nullptr && waiting->is_object() && waiting->at("step_id") == "two";
  }));
  EXPECT_EQ(post("/api/runs/r1/resume", {{"approved", true}, {"command_id", "c2"}}), 202);
  ASSERT_TRUE(reaches("r1", "completed"));
  EXPECT_EQ(events("r1"),
            "0 GatePendingEvent, 1 GateDecisionEvent, 2 GatePendingEvent, 3 GateDecisionEvent, "
            "4 StepStartEvent, 5 StepCompleteEvent, 6 RunCompleteEvent");
}

TEST_P(EmbeddedGateway, IsForLoopbackUnlessItHasAToken) {
  const auto end = charter_daemon(project, {"gateway", "--listen", "0.0.0.0:0"});
  EXPECT_EQ(end.code, 2);
  EXPECT_THAT(end.err, HasSubstr("token"));
}

// It tells the time, so that doctor can compare clocks.
TEST_P(EmbeddedGateway, IsAllOfTheWayThatDoctorLooksAt) {
  DaemonProcess daemon(project, options());
  const auto done =
      charter_daemon(project, {"doctor", "--gateway", "http://127.0.0.1:" + std::to_string(port)});
  EXPECT_EQ(done.code, 0) << done.out;
  EXPECT_THAT(done.out, HasSubstr("the gateway lets this daemon in\n"));
  EXPECT_THAT(done.out, HasSubstr("ok    clock       within 5 s of the gateway's\n"));
}

INSTANTIATE_TEST_SUITE_P(Protocols, EmbeddedGateway, ::testing::Values("auto", "json"));

}  // namespace
}  // namespace charter::tests
