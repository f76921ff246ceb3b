// Orders through the HTTP API and how they reach daemons, on real sockets to a real gateway.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/daemon_client.h"
#include "tests/unit/gateway/gateway_process.h"

namespace charter::gateway {
namespace {

using tests::eventually;

constexpr milliseconds kNothing{300};  // how long nothing must come

class GatewayCommands : public ::testing::Test {
 protected:
  std::string state(const std::string& command) const {
    return get(gateway.port(), "/api/commands/" + command).text("state");
  }
  bool reaches(const std::string& command, const std::string& wanted) const {
    return eventually(tests::kSoon, [&] { return state(command) == wanted; });
  }
  int order(const std::string& target, const std::string& body) const {
    return post(gateway.port(), target, body).status;
  }
  // A connected daemon with one run at a gate.
  DaemonClient paused_daemon() const {
    DaemonClient daemon(gateway.port());
    daemon.send(register_text());
    daemon.send(announced_text("r", "paused"));
    daemon.send(event_text("r", 0, kGatePending));
    EXPECT_TRUE(daemon.settle());
    return daemon;
  }
  // One whose messages are stored and that has not answered the ping after which it gets commands.
  DaemonClient silent_daemon() const {
    DaemonClient daemon(gateway.port());
    daemon.answer_pings(false);
    daemon.send(register_text());
    daemon.send(announced_text("r", "paused"));
    EXPECT_TRUE(daemon.settle());
    return daemon;
  }

  GatewayProcess gateway;
};

TEST_F(GatewayCommands, AStartIsSentAndAnswered) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  ASSERT_TRUE(daemon.settle());
  const auto accepted = post(gateway.port(), "/api/runs",
                             R"({"workflow_id":"demo","variables":{"n":1.50},"command_id":"c"})");
  EXPECT_EQ(accepted.status, 202);
  EXPECT_EQ(accepted.text("command_id"), "c");
  const auto command = daemon.command();
  ASSERT_FALSE(command.empty());
  EXPECT_EQ(command.at("type"), "run.start");
  EXPECT_EQ(command.at("workflow_id"), "demo");
  EXPECT_EQ(command.at("run_id").as_string(), accepted.text("run_id"));
  EXPECT_EQ(command.size(), 5U);
  daemon.send(result_text("c", true, "null", ipc::quoted(accepted.text("run_id"))));
  EXPECT_TRUE(reaches("c", "done"));
}

TEST_F(GatewayCommands, AnAskerMayWaitForTheOutcome) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"demo","command_id":"c"})"), 202);
  EXPECT_EQ(get(gateway.port(), "/api/commands/c?wait=61").text("field"), "wait");
  TestSocket asker(gateway.port());
  asker.send(request_text("GET", "/api/commands/c?wait=30", {}, {}));
  ASSERT_FALSE(daemon.command().empty());
  EXPECT_FALSE(asker.receive(kNothing));
  daemon.send(result_text("c", true));
  EXPECT_EQ(read_answer(asker).text("state"), "done");
  EXPECT_EQ(get(gateway.port(), "/api/commands/c?wait=30").text("state"), "done");
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"demo","worker":"w1","command_id":"d"})"), 202);
  EXPECT_EQ(get(gateway.port(), "/api/commands/d?wait=1").text("settled"), "");
}

TEST_F(GatewayCommands, ARefusalIsKeptWithItsCode) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"nope","command_id":"c"})"), 202);
  ASSERT_FALSE(daemon.command().empty());
  daemon.send(result_text("c", false, R"("unknown_workflow")"));
  ASSERT_TRUE(reaches("c", "failed"));
  EXPECT_EQ(get(gateway.port(), "/api/commands/c").text("code"), "unknown_workflow");
}

TEST_F(GatewayCommands, ForAnAbsentDaemonTheyAreKept) {
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"a","command_id":"c1"})"), 202);
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"b","command_id":"c2"})"), 202);
  EXPECT_EQ(state("c1"), "pending");
  gateway.kill();
  gateway.start();
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  EXPECT_EQ(daemon.command().at("command_id"), "c1");
  EXPECT_EQ(daemon.command().at("command_id"), "c2");
  EXPECT_EQ(get(gateway.port(), "/api/commands/c1").text("worker_id"), "w1");
}

TEST_F(GatewayCommands, ARunsDaemonGetsItsCommandsWhenItComesBack) {
  paused_daemon().disconnect();
  ASSERT_TRUE(eventually(tests::kSoon, [&] {
    return !get(gateway.port(), "/api/runs/r").json().at("connected").as_bool();
  }));
  ASSERT_EQ(order("/api/runs/r/resume", R"({"approved":true,"note":"ok","command_id":"c"})"), 202);
  // Another daemon of the same name that does not know the run does not get it.
  DaemonClient other(gateway.port());
  other.send(register_text());
  EXPECT_TRUE(other.command(kNothing).empty());
  DaemonClient back = paused_daemon();
  const auto command = back.command();
  ASSERT_FALSE(command.empty());
  EXPECT_EQ(command.at("type"), "run.resume");
  EXPECT_EQ(command.at("approved"), true);
  EXPECT_EQ(command.at("note"), "ok");
  EXPECT_EQ(command.at("command_id"), "c");
}

// resume and cancel are never answered: what counts is that the daemon has read them.
TEST_F(GatewayCommands, TheConnectionConfirmsWhatIsNeverAnswered) {
  DaemonClient daemon = paused_daemon();
  daemon.answer_pings(false);
  ASSERT_EQ(order("/api/runs/r/resume", R"({"approved":true,"command_id":"c"})"), 202);
  ASSERT_FALSE(daemon.command().empty());
  ASSERT_TRUE(reaches("c", "sent"));
  EXPECT_FALSE(daemon.next(kNothing));
  EXPECT_EQ(state("c"), "sent");
  TestSocket asker(gateway.port());
  asker.send(request_text("GET", "/api/commands/c?wait=30", {}, {}));
  EXPECT_FALSE(asker.receive(kNothing));
  daemon.send_frame(WsOpcode::pong, "1");
  EXPECT_EQ(read_answer(asker).text("state"), "delivered");
  daemon.send(event_text("r", 1, kApproved));
  EXPECT_TRUE(reaches("c", "done"));
}

TEST_F(GatewayCommands, WhatWasNotConfirmedIsSentAgain) {
  {
    DaemonClient daemon = paused_daemon();
    daemon.answer_pings(false);
    ASSERT_EQ(order("/api/runs/r/cancel", R"({"command_id":"c"})"), 202);
    ASSERT_EQ(daemon.command().at("command_id"), "c");
  }
  DaemonClient back = paused_daemon();
  EXPECT_EQ(back.command().at("command_id"), "c");
  EXPECT_EQ(get(gateway.port(), "/api/commands/c").json().at("sends"), 2);
}

// A network that breaks without a word leaves the old connection standing until it is found silent.
TEST_F(GatewayCommands, WhatAHalfOpenConnectionSwallowedIsSentOnTheNewOneWhenItEnds) {
  DaemonClient swallowed = paused_daemon();
  swallowed.answer_pings(false);
  ASSERT_EQ(order("/api/runs/r/resume", R"({"approved":true,"command_id":"c"})"), 202);
  ASSERT_EQ(swallowed.command().at("command_id"), "c");
  DaemonClient back = paused_daemon();
  EXPECT_TRUE(back.command(kNothing).empty());
  swallowed.disconnect();
  const auto command = back.command();
  ASSERT_FALSE(command.empty());
  EXPECT_EQ(command.at("command_id"), "c");
  EXPECT_EQ(get(gateway.port(), "/api/commands/c").json().at("sends"), 2);
}

TEST_F(GatewayCommands, AStartAHalfOpenConnectionSwallowedIsSentOnTheNewOneWhenItEnds) {
  DaemonClient swallowed(gateway.port());
  swallowed.send(register_text());
  ASSERT_TRUE(swallowed.settle());
  swallowed.answer_pings(false);
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"a","command_id":"c"})"), 202);
  ASSERT_EQ(swallowed.command().at("command_id"), "c");
  DaemonClient back(gateway.port());
  back.send(register_text());
  EXPECT_TRUE(back.command(kNothing).empty());
  swallowed.disconnect();
  const auto command = back.command();
  ASSERT_FALSE(command.empty());
  EXPECT_EQ(command.at("command_id"), "c");
  EXPECT_EQ(get(gateway.port(), "/api/commands/c").json().at("sends"), 2);
}

TEST_F(GatewayCommands, WhatWasConfirmedIsNotSentAgain) {
  {
    DaemonClient daemon = paused_daemon();
    ASSERT_EQ(order("/api/runs/r/cancel", R"({"command_id":"c"})"), 202);
    ASSERT_EQ(daemon.command().at("command_id"), "c");
    EXPECT_FALSE(daemon.next(kNothing));  // answers the ping behind the command
    ASSERT_TRUE(reaches("c", "delivered"));
  }
  DaemonClient back = paused_daemon();
  EXPECT_TRUE(back.command(kNothing).empty());
  gateway.kill();
  gateway.start();
  DaemonClient again = paused_daemon();
  EXPECT_TRUE(again.command(kNothing).empty());
}

TEST_F(GatewayCommands, AnAnswerThatWasLostIsAskedForAgain) {
  {
    DaemonClient daemon(gateway.port());
    daemon.send(register_text());
    ASSERT_EQ(order("/api/runs", R"({"workflow_id":"a","command_id":"c"})"), 202);
    ASSERT_EQ(daemon.command().at("command_id"), "c");
    EXPECT_FALSE(daemon.next(kNothing));
    ASSERT_TRUE(reaches("c", "delivered"));
  }
  DaemonClient back(gateway.port());
  back.send(register_text());
  EXPECT_EQ(back.command().at("command_id"), "c");
}

// The daemon announces what it started before it answers our first ping, so a start whose answer
// was lost is not sent a second time to a daemon that would start it a second time.
TEST_F(GatewayCommands, AStartWhoseRunIsThereIsNotSentAgain) {
  std::string run;
  {
    DaemonClient daemon(gateway.port());
    daemon.send(register_text());
    ASSERT_EQ(order("/api/runs", R"({"workflow_id":"a","command_id":"c"})"), 202);
    run = daemon.command().at("run_id").as_string();
  }
  DaemonClient back(gateway.port());
  back.send(register_text());
  back.send(announced_text(run));
  EXPECT_TRUE(back.command(kNothing).empty());
  EXPECT_TRUE(reaches("c", "done"));
}

TEST_F(GatewayCommands, AStartGoesToOneOfTwoDaemonsWithTheSameName) {
  DaemonClient one(gateway.port());
  one.send(register_text());
  ASSERT_TRUE(one.settle());
  DaemonClient two(gateway.port());
  two.send(register_text());
  ASSERT_TRUE(two.settle());
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"a","command_id":"c"})"), 202);
  ASSERT_EQ(one.command().at("command_id"), "c");
  one.disconnect();
  // The other one is not the daemon it was sent to; the next to come is.
  EXPECT_TRUE(two.command(kNothing).empty());
  DaemonClient back(gateway.port());
  back.send(register_text());
  EXPECT_EQ(back.command().at("command_id"), "c");
}

// The choice of a worker must be on disk before the start is sent.
TEST_F(GatewayCommands, AStartWhoseWorkerCouldNotBeStoredIsSentWhenItCan) {
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"a","command_id":"c"})"), 202);
  DaemonClient daemon = silent_daemon();
  gateway.limit_files(1);
  daemon.send_frame(WsOpcode::pong, "0");  // it is ready, and the freest
  ASSERT_TRUE(daemon.settle());
  // This comes to the disk behind the choice, and fares like it.
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"b","command_id":"d"})"), 507);
  gateway.limit_files(RLIM_INFINITY);
  const auto command = daemon.command();
  ASSERT_FALSE(command.empty());
  EXPECT_EQ(command.at("command_id"), "c");
}

TEST_F(GatewayCommands, HowFarACommandIsThatCouldNotBeStoredIsStoredWhenItCan) {
  paused_daemon().disconnect();
  ASSERT_TRUE(eventually(tests::kSoon, [&] {
    return !get(gateway.port(), "/api/runs/r").json().at("connected").as_bool();
  }));
  ASSERT_EQ(order("/api/runs/r/resume", R"({"approved":true,"command_id":"c"})"), 202);
  DaemonClient daemon = silent_daemon();
  gateway.limit_files(1);
  daemon.send_frame(WsOpcode::pong, "0");
  ASSERT_EQ(daemon.command().at("command_id"), "c");
  daemon.send_frame(WsOpcode::pong, "1");
  ASSERT_TRUE(daemon.settle());
  ASSERT_EQ(order("/api/runs/r/cancel", "{}"), 507);
  EXPECT_EQ(state("c"), "pending");
  gateway.limit_files(RLIM_INFINITY);
  EXPECT_TRUE(reaches("c", "delivered"));
  EXPECT_EQ(get(gateway.port(), "/api/commands/c").json().at("sends"), 1);
}

TEST_F(GatewayCommands, StartsGoWhereThereIsRoom) {
  DaemonClient full(gateway.port());
  full.send(register_text("full", 1));
  full.send(R"({"type":"worker.heartbeat","worker_id":"full","load":{"running":1,"paused":0}})");
  ASSERT_TRUE(full.settle());
  DaemonClient free(gateway.port());
  free.send(register_text("free", 2));
  ASSERT_TRUE(free.settle());
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"a","command_id":"c1"})"), 202);
  EXPECT_EQ(free.command().at("command_id"), "c1");
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"a","worker":"full","command_id":"c2"})"), 202);
  EXPECT_EQ(full.command().at("command_id"), "c2");
}

TEST_F(GatewayCommands, ARepeatedOrderIsTheSameCommand) {
  DaemonClient daemon = paused_daemon();
  const std::string body = R"({"approved":true,"command_id":"c"})";
  ASSERT_EQ(order("/api/runs/r/resume", body), 202);
  ASSERT_EQ(order("/api/runs/r/resume", body), 202);
  EXPECT_EQ(daemon.command().at("command_id"), "c");
  EXPECT_TRUE(daemon.command(kNothing).empty());
  EXPECT_EQ(order("/api/runs/r/cancel", R"({"command_id":"c"})"), 409);
}

TEST_F(GatewayCommands, ACommandIdWithAnotherContentIsRefusedAfterARestartToo) {
  DaemonClient daemon = paused_daemon();
  const std::string first = R"({"workflow_id":"a","run_id":"mine","command_id":"s"})";
  ASSERT_EQ(order("/api/runs", first), 202);
  ASSERT_EQ(order("/api/runs/r/resume", R"({"approved":false,"command_id":"c"})"), 202);
  for (const bool restarted : {false, true}) {
    if (restarted) {
      gateway.kill();
      gateway.start();
    }
    const auto other = post(gateway.port(), "/api/runs",
                            R"({"workflow_id":"b","run_id":"mine","command_id":"s"})");
    EXPECT_EQ(other.status, 409) << restarted;
    EXPECT_EQ(other.text("code"), "command_id_in_use") << restarted;
    EXPECT_EQ(other.text("field"), "command_id") << restarted;
    EXPECT_EQ(order("/api/runs/r/resume", R"({"approved":true,"command_id":"c"})"), 409)
        << restarted;
    const auto again = post(gateway.port(), "/api/runs", first);
    EXPECT_EQ(again.status, 202) << restarted;
    EXPECT_EQ(again.text("run_id"), "mine") << restarted;
    EXPECT_EQ(order("/api/runs/r/resume", R"({"approved":false,"command_id":"c"})"), 202)
        << restarted;
  }
}

TEST_F(GatewayCommands, InputIsSentAndAnswered) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send(announced_text("r"));
  daemon.send(event_text("r", 0, kInputPending));
  ASSERT_TRUE(daemon.settle());
  ASSERT_EQ(order("/api/runs/r/input",
                  R"({"input":{"kind":"answers","answers":{"q":"a"}},"command_id":"c"})"),
            202);
  const auto command = daemon.command();
  ASSERT_FALSE(command.empty());
  EXPECT_EQ(command.at("type"), "run.input");
  EXPECT_EQ(command.at("input").at("answers").at("q"), "a");
  daemon.send(result_text("c", true, "null", R"("r")"));
  EXPECT_TRUE(reaches("c", "done"));
}

TEST_F(GatewayCommands, FromAnotherSiteTheyAreRefused) {
  DaemonClient daemon = paused_daemon();
  const std::vector<std::string> foreign{"Origin: http://evil.example"};
  EXPECT_EQ(ask(gateway.port(), "POST", "/api/runs/r/cancel", "{}", foreign).status, 403);
  const std::string own = "http://127.0.0.1:" + std::to_string(gateway.port());
  const std::vector<std::string> same{"Origin: " + own};
  EXPECT_EQ(ask(gateway.port(), "POST", "/api/runs/r/cancel", "{}", same,
                "127.0.0.1:" + std::to_string(gateway.port()))
                .status,
            202);
}

}  // namespace
}  // namespace charter::gateway
