// Connections of daemons, on real sockets to a real gateway.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tests/unit/gateway/daemon_client.h"
#include "tests/unit/gateway/gateway_process.h"

namespace charter::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using tests::eventually;

constexpr int kGoingAway = 1001;
constexpr int kProtocolError = 1002;
constexpr int kBadPayload = 1007;
constexpr int kPolicy = 1008;
constexpr int kTooBig = 1009;

class DaemonConnection : public ::testing::Test {
 protected:
  std::int64_t events_of(const std::string& run) const {
    const auto view = get(gateway.port(), "/api/runs/" + run).json();
    const auto* events = view.if_contains("events");
    return events == nullptr ? -1 : events->as_int64();
  }
  std::string status_of(const std::string& run) const {
    return get(gateway.port(), "/api/runs/" + run).text("status");
  }

  GatewayProcess gateway;
};

TEST_F(DaemonConnection, AcceptsAnUpgradeWithoutExtensions) {
  DaemonClient daemon(gateway.port(), {"Sec-WebSocket-Extensions: permessage-deflate"});
  EXPECT_EQ(daemon.status(), 101);
  EXPECT_EQ(tests::http_header(daemon.answer().head, "Sec-WebSocket-Accept"),
            tests::accept_key("dGhlIHNhbXBsZSBub25jZQ=="));
  EXPECT_FALSE(tests::http_header(daemon.answer().head, "Sec-WebSocket-Extensions"));
}

TEST_F(DaemonConnection, WhatIsNoUpgradeIsRefused) {
  EXPECT_EQ(get(gateway.port(), "/daemon").status, 400);
  EXPECT_EQ(ask(gateway.port(), "POST", "/daemon").status, 405);
  TestSocket socket(gateway.port());
  socket.send(upgrade_request({"Origin: http://evil.example"}));
  EXPECT_EQ(read_answer(socket).status, 403);
  TestSocket rebound(gateway.port());
  rebound.send(upgrade_request({}, "rebound.example"));
  EXPECT_EQ(read_answer(rebound).status, 403);
}

TEST_F(DaemonConnection, BytesBehindTheRequestAreNotLost) {
  WsFrame hello;
  hello.masked = true;
  hello.payload = register_text("early");
  TestSocket socket(gateway.port());
  socket.send(upgrade_request() + tests::frame_bytes(hello));
  EXPECT_EQ(read_answer(socket).status, 101);
  EXPECT_TRUE(eventually(tests::kSoon, [&] {
    return get(gateway.port(), "/api/workers").body.find("\"early\"") != std::string::npos;
  }));
}

TEST_F(DaemonConnection, RegistrationComesFirst) {
  DaemonClient daemon(gateway.port());
  daemon.send(announced_text("r"));
  EXPECT_EQ(daemon.close_code(), kPolicy);
  EXPECT_EQ(get(gateway.port(), "/api/runs/r").status, 404);
}

TEST_F(DaemonConnection, APongSaysThatWhatCameBeforeIsStored) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send(announced_text("r"));
  constexpr int kBatches = 50;
  int seq = 0;
  for (int batch = 1; batch <= kBatches; ++batch) {
    for (int n = 0; n < 4; ++n) daemon.send(event_text("r", seq++, kStepStart));
    daemon.ping(std::to_string(batch));
  }
  for (int batch = 1; batch <= kBatches; ++batch) {
    ASSERT_TRUE(daemon.pong(std::to_string(batch))) << batch;
    if (batch % 10 != 0) continue;
    EXPECT_GE(events_of("r"), 4 * batch);
  }
}

TEST_F(DaemonConnection, PingsWithEqualPayloadsAreEachAnsweredOnce) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send(announced_text("r"));
  constexpr int kPings = 200;
  for (int n = 0; n < kPings; ++n) {
    daemon.send(event_text("r", n, kStepStart));
    daemon.ping("");
  }
  daemon.ping("last");
  int pongs = 0;
  while (auto frame = daemon.next()) {
    if (frame->opcode != WsOpcode::pong) continue;
    if (frame->payload == "last") break;
    ++pongs;
  }
  EXPECT_EQ(pongs, kPings);
  EXPECT_EQ(events_of("r"), kPings);
}

// The promise of the acknowledgement: kill the gateway at any instant, and what was confirmed is
// there afterwards.
TEST_F(DaemonConnection, WhatWasAcknowledgedSurvivesSigkill) {
  constexpr int kKills = 5;
  for (int round = 0; round < kKills; ++round) {
    const std::string run = "r" + std::to_string(round);
    DaemonClient daemon(gateway.port());
    daemon.send(register_text());
    daemon.send(announced_text(run));
    int confirmed = 0;
    for (int seq = 0; seq < 300; ++seq) {
      daemon.send(event_text(run, seq, kStepStart));
      daemon.ping(std::to_string(seq + 1));
    }
    while (confirmed < 20 * (round + 1)) {
      const auto frame = daemon.next();
      ASSERT_TRUE(frame);
      if (frame->opcode == WsOpcode::pong) confirmed = std::stoi(frame->payload);
    }
    gateway.kill();
    while (const auto frame = daemon.next(milliseconds(200))) {
      if (frame->opcode == WsOpcode::pong) confirmed = std::stoi(frame->payload);
    }
    gateway.start();
    EXPECT_GE(events_of(run), confirmed);
  }
}

TEST_F(DaemonConnection, NothingIsAcknowledgedOnAFullDisk) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send(announced_text("r"));
  ASSERT_TRUE(daemon.settle());
  gateway.limit_files(1);
  daemon.send(event_text("r", 0, kStepStart));
  daemon.ping("full");
  ASSERT_TRUE(eventually(tests::kSoon, [&] {
    return get(gateway.port(), "/healthz").text("status") == "not_storing";
  }));
  EXPECT_EQ(get(gateway.port(), "/healthz").status, 503);
  const auto refused = post(gateway.port(), "/api/runs/r/cancel", "{}");
  EXPECT_EQ(refused.status, 507);
  EXPECT_EQ(refused.text("code"), "disk_full");
  // Reading goes on, and nothing was kept by half.
  EXPECT_EQ(events_of("r"), 0);
  EXPECT_FALSE(daemon.pong("full", milliseconds(1200)));
  gateway.limit_files(RLIM_INFINITY);
  EXPECT_TRUE(daemon.pong("full"));
  EXPECT_EQ(events_of("r"), 1);
  EXPECT_EQ(get(gateway.port(), "/healthz").status, 200);
}

// Reading pauses behind a message only, which who sends nothing but pings never comes to.
TEST_F(DaemonConnection, AFloodOfPingsThatCannotBeAnsweredEndsTheConnection) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send(announced_text("r"));
  ASSERT_TRUE(daemon.settle());
  gateway.limit_files(1);
  daemon.send(event_text("r", 0, kStepStart));
  constexpr int kPings = 10'000;
  for (int n = 0; n < kPings; ++n) daemon.ping(std::to_string(n));
  EXPECT_EQ(daemon.close_code(), kPolicy);
  gateway.limit_files(RLIM_INFINITY);
}

TEST_F(DaemonConnection, ADaemonThatLeavesAtOnceLosesNothing) {
  {
    DaemonClient daemon(gateway.port());
    daemon.send(register_text());
    daemon.send(announced_text("r"));
    for (int seq = 0; seq < 100; ++seq) daemon.send(event_text("r", seq, kStepStart));
    daemon.send(event_text("r", 100, kComplete));
    daemon.leave();
  }
  EXPECT_TRUE(eventually(tests::kSoon, [&] { return status_of("r") == "completed"; }));
  EXPECT_EQ(events_of("r"), 101);
}

TEST_F(DaemonConnection, EventBytesAreKept) {
  constexpr std::string_view kOdd =
      R"({ "kind":"StepStartEvent", "n":[1.0e+05,12345678901234567890123,"\u00e9\ud800 é"] })";
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send(announced_text("r"));
  daemon.send(event_text("r", 0, kOdd));
  ASSERT_TRUE(daemon.settle());
  EXPECT_THAT(get(gateway.port(), "/api/runs/r/events").body, HasSubstr(kOdd));
}

TEST_F(DaemonConnection, FragmentsAndPingsBetweenThemMakeOneMessage) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  const std::string text = announced_text("r");
  daemon.send_frame(WsOpcode::text, text.substr(0, 20), false);
  daemon.ping("between");
  EXPECT_TRUE(daemon.pong("between"));
  daemon.send_frame(WsOpcode::more, text.substr(20), true);
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(status_of("r"), "running");
}

TEST_F(DaemonConnection, ALargeEventIsTaken) {
  const std::string event =
      R"({"kind":"StepStartEvent","big":")" + std::string(3U << 20, 'x') + R"("})";
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send(announced_text("r"));
  daemon.send(event_text("r", 0, event));
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(events_of("r"), 1);
  EXPECT_THAT(get(gateway.port(), "/api/runs/r/events").body, HasSubstr(event));
}

TEST_F(DaemonConnection, MessagesItCannotReadAreDroppedByTypeAndField) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send(R"({"type":"run.event","run_id":"s3cret","seq":"x"})");
  daemon.send(R"({"type":"worker.gossip","s3cret":1})");
  daemon.send("no JSON, s3cret");
  daemon.send(announced_text("r"));
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(status_of("r"), "running");
  EXPECT_THAT(gateway.log(), HasSubstr("run.event: seq"));
  EXPECT_THAT(gateway.log(), Not(HasSubstr("s3cret")));
}

TEST_F(DaemonConnection, BrokenFramesEndTheConnectionWithTheRightCode) {
  const auto close_code_after = [&](const std::string& bytes) {
    DaemonClient daemon(gateway.port());
    daemon.send(register_text());
    daemon.send_raw(bytes);
    return daemon.close_code();
  };
  WsFrame frame;
  frame.payload = "{}";
  EXPECT_EQ(close_code_after(tests::frame_bytes(frame)), kProtocolError);  // not masked
  frame.masked = true;
  frame.reserved = 4;
  EXPECT_EQ(close_code_after(tests::frame_bytes(frame)), kProtocolError);
  frame.reserved = 0;
  frame.payload = "\xff\xfe";
  EXPECT_EQ(close_code_after(tests::frame_bytes(frame)), kBadPayload);
  frame.opcode = WsOpcode::binary;
  frame.payload = "{}";
  EXPECT_EQ(close_code_after(tests::frame_bytes(frame)), kPolicy);
  // A frame that only says it is large: 8 bytes of length, then nothing.
  EXPECT_EQ(close_code_after(std::string("\x81\xff\x00\x00\x00\x40\x00\x00\x00\x00mask", 14)),
            kTooBig);
}

TEST_F(DaemonConnection, ACloseIsAnswered) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send_frame(WsOpcode::close, tests::close_payload(1000, "bye"));
  EXPECT_EQ(daemon.close_code(), 1000);
}

TEST_F(DaemonConnection, TerminationSaysGoodbyeAndIsQuick) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  daemon.send(announced_text("r"));
  for (int seq = 0; seq < 200; ++seq) daemon.send(event_text("r", seq, kStepStart));
  ASSERT_TRUE(daemon.settle());
  EventReader reader(gateway.port(), "/api/runs/r/events");
  ASSERT_TRUE(reader.next());
  const auto begin = Clock::now();
  gateway.signal(SIGTERM);
  EXPECT_EQ(daemon.close_code(), kGoingAway);
  EXPECT_EQ(gateway.wait(), 0);
  EXPECT_LT(tests::since(begin), milliseconds(1000));
  gateway.start();
  EXPECT_EQ(events_of("r"), 200);
}

// A client that never answers the close frame does not hold up the end.
TEST_F(DaemonConnection, TerminationDoesNotWaitForTheDeaf) {
  DaemonClient daemon(gateway.port());
  daemon.send(register_text());
  ASSERT_TRUE(daemon.settle());
  const auto begin = Clock::now();
  gateway.signal(SIGINT);
  EXPECT_EQ(gateway.wait(), 0);
  EXPECT_LT(tests::since(begin), milliseconds(1000));
}

TEST_F(DaemonConnection, WorkersAreListedByNameAndConnection) {
  DaemonClient one(gateway.port());
  DaemonClient two(gateway.port());
  one.send(register_text("same", 4));
  ASSERT_TRUE(one.settle());
  two.send(register_text("same", 2));
  two.send(R"({"type":"worker.heartbeat","worker_id":"same","load":{"running":1,"paused":3}})");
  ASSERT_TRUE(two.settle());
  const auto workers = get(gateway.port(), "/api/workers").json().at("workers").as_array();
  ASSERT_EQ(workers.size(), 2U);
  EXPECT_EQ(workers[0].at("worker_id"), "same");
  EXPECT_EQ(workers[1].at("worker_id"), "same");
  EXPECT_NE(workers[0].at("connection"), workers[1].at("connection"));
  EXPECT_EQ(workers[1].at("max_runs"), 2);
  EXPECT_EQ(workers[1].at("load").at("paused"), 3);
  two.disconnect();
  EXPECT_TRUE(eventually(tests::kSoon, [&] {
    const auto now = get(gateway.port(), "/api/workers").json().at("workers").as_array();
    return now.size() == 2 && now[0].at("connected").as_bool() && !now[1].at("connected").as_bool();
  }));
}

TEST(GatewayProcessTest, ASecondGatewayOnTheSameDataIsRefused) {
  GatewayProcess gateway;
  std::vector<std::string> words{"gateway", "--listen", "127.0.0.1:0", "--data", gateway.data()};
  std::fflush(nullptr);
  const pid_t child = fork();
  if (child == 0) {
    std::freopen("/dev/null", "w", stderr);
    std::vector<char*> argv;
    for (auto& word : words) argv.push_back(word.data());
    std::exit(gateway_main(static_cast<int>(argv.size()), argv.data()));
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), 1);
}

TEST(GatewayProcessTest, OpensItselfInTheBrowser) {
  Scratch scratch;
  const std::string opener = scratch / "xdg-open";
  std::ofstream(opener) << "#!/bin/sh\necho \"$1 ${CHARTER_GATEWAY_TOKEN_FILE-none}\" >"
                        << scratch / "opened.part && mv " << scratch / "opened.part "
                        << scratch / "opened\n";
  ASSERT_EQ(chmod(opener.c_str(), 0700), 0);
  const std::string path = scratch.path() + ":" + std::getenv("PATH");
  setenv("PATH", path.c_str(), 1);
  GatewayProcess gateway({"--open"});
  EXPECT_TRUE(eventually(tests::kSoon, [&] { return !slurp(scratch / "opened").empty(); }));
  EXPECT_EQ(slurp(scratch / "opened"),
            "http://127.0.0.1:" + std::to_string(gateway.port()) + " none\n");
}

TEST(GatewayToken, DaemonsAndClientsMustShowIt) {
  Scratch scratch;
  std::ofstream(scratch / "token") << "open-sesame\n";
  GatewayProcess gateway({"--token-file", scratch / "token"});
  EXPECT_EQ(DaemonClient(gateway.port()).status(), 401);
  EXPECT_EQ(DaemonClient(gateway.port(), {"Authorization: Bearer wrong"}).status(), 401);
  DaemonClient daemon(gateway.port(), {"Authorization: Bearer open-sesame"});
  EXPECT_EQ(daemon.status(), 101);
  EXPECT_EQ(get(gateway.port(), "/api/runs").status, 401);
  EXPECT_EQ(get(gateway.port(), "/healthz").status, 200);
  const std::vector<std::string> with{"Authorization: Bearer open-sesame"};
  EXPECT_EQ(ask(gateway.port(), "GET", "/api/runs", {}, with, "gate.example").status, 200);
  EXPECT_THAT(gateway.log(), Not(HasSubstr("sesame")));
}

}  // namespace
}  // namespace charter::gateway
