// Daemons that speak charter.capnp.v1, on real sockets to a real gateway.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <regex>

#include "tests/unit/gateway/gateway_process.h"
#include "tests/unit/gateway/wire_client.h"

namespace charter::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using tests::eventually;

constexpr int kBadPayload = 1007;
constexpr int kPolicy = 1008;
constexpr milliseconds kNothing{300};  // how long nothing must come

class WireConnection : public ::testing::Test {
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
  // What a run's events and its view are, but for the gateway's own times.
  std::string rows(const std::string& run) const {
    const std::string all = get(gateway.port(), "/api/runs/" + run).body +
                            get(gateway.port(), "/api/runs/" + run + "/events").body;
    static const std::regex kTimes(
        R"re("(received|announced|updated|finished)_at":"[^"]*"|"run_id":"[^"]*")re");
    return std::regex_replace(all, kTimes, "$1");
  }

  GatewayProcess gateway;
};

TEST_F(WireConnection, IsChosenAmongWhatIsOffered) {
  WireClient daemon(gateway.port(), "Sec-WebSocket-Protocol: other, charter.capnp.v1");
  EXPECT_EQ(daemon.socket().status(), 101);
  EXPECT_EQ(tests::http_header(daemon.socket().answer().head, "Sec-WebSocket-Protocol"),
            "charter.capnp.v1");
  const auto first = daemon.next();
  ASSERT_TRUE(first);
  ASSERT_TRUE(std::holds_alternative<wire::Welcome>(*first));
  EXPECT_EQ(std::get<wire::Welcome>(*first).version, wire::kVersion);
  DaemonClient stock(gateway.port(), {"Sec-WebSocket-Protocol: other"});
  EXPECT_EQ(stock.status(), 101);
  EXPECT_FALSE(tests::http_header(stock.answer().head, "Sec-WebSocket-Protocol"));
  EXPECT_FALSE(stock.next(kNothing)) << "a stock daemon is not welcomed";
}

TEST_F(WireConnection, AnEventIsStoredBeforeItIsAcknowledged) {
  WireClient daemon(gateway.port());
  daemon.send(wire::Register{wire::kVersion, "w1", 4, {}});
  daemon.send(wire::Announced{"r", "running", "", ""});
  for (std::uint64_t seq = 0; seq < 50; ++seq) {
    daemon.send(wire::Events{{frame_of("r", seq, kStepStart)}});
  }
  // SIGKILL at any moment: what was acknowledged is there.
  std::optional<std::uint64_t> acknowledged;
  while (const auto acks = daemon.next_of<wire::Acks>()) {
    acknowledged = acks->back().seq;
    if (*acknowledged >= 20) break;
  }
  gateway.kill();
  ASSERT_TRUE(acknowledged);
  gateway.start();
  const auto view = get(gateway.port(), "/api/runs/r").json();
  EXPECT_GT(view.at("events").as_int64(), static_cast<std::int64_t>(*acknowledged));
}

TEST_F(WireConnection, NothingIsAcknowledgedOnAFullDisk) {
  WireClient daemon(gateway.port());
  ASSERT_TRUE(daemon.pause_at_gate());
  gateway.limit_files(1);
  daemon.send(wire::Events{{frame_of("r", 1, kApproved)}});
  ASSERT_TRUE(
      eventually(tests::kSoon, [&] { return get(gateway.port(), "/healthz").status == 503; }));
  EXPECT_FALSE(daemon.next_of<wire::Acks>(milliseconds(1200)));
  gateway.limit_files(RLIM_INFINITY);
  EXPECT_TRUE(daemon.acknowledged("r", 1));
}

TEST_F(WireConnection, RowsAreTheSameInBothProtocols) {
  const std::string_view events[] = {kStepStart, kStepComplete, kGatePending, kApproved, kFailed};
  DaemonClient stock(gateway.port());
  stock.send(register_text());
  stock.send(announced_text("stock"));
  WireClient daemon(gateway.port());
  daemon.send(wire::Register{wire::kVersion, "w1", 4, {}});
  daemon.send(
      wire::Announced{"r", "running", "/p/workflows/demo/plan.yml", "2026-01-02T03:04:05Z"});
  wire::Events batch;
  for (int seq = 0; seq < 5; ++seq) {
    stock.send(event_text("stock", seq, events[seq]));
    batch.frames.push_back(frame_of("r", static_cast<std::uint64_t>(seq), events[seq], "s"));
    ASSERT_TRUE(stock.settle());
    daemon.send(batch);  // with all that came before, again
    ASSERT_TRUE(daemon.acknowledged("r", static_cast<std::uint64_t>(seq)));
    EXPECT_EQ(rows("r"), rows("stock")) << "after event " << seq;
  }
  EXPECT_THAT(rows("r"), HasSubstr(kFailed));
}

TEST_F(WireConnection, RunsAreAcknowledgedEachByTheirOwn) {
  WireClient daemon(gateway.port());
  daemon.send(wire::Register{wire::kVersion, "w1", 4, {}});
  daemon.send(wire::Events{{frame_of("a", 4, kStepStart), frame_of("b", 9, kStepStart),
                            frame_of("a", 5, kStepComplete)}});
  const auto acks = daemon.next_of<wire::Acks>();
  ASSERT_TRUE(acks);
  std::string all;
  for (const auto& ack : *acks) all += ack.run_id + std::to_string(ack.seq) + " ";
  EXPECT_EQ(all, "a5 b9 ");
}

TEST_F(WireConnection, WhatItCannotReadEndsTheConnectionAndSaysWhy) {
  const auto close_code_after = [&](WsOpcode opcode, const std::string& bytes) {
    WireClient daemon(gateway.port());
    daemon.send(wire::Register{wire::kVersion, "w1", 4, {}});
    daemon.socket().send_frame(opcode, bytes);
    return daemon.socket().close_code();
  };
  EXPECT_EQ(close_code_after(WsOpcode::text, register_text()), kPolicy);
  EXPECT_EQ(close_code_after(WsOpcode::binary, "s3cret"), kBadPayload);
  EXPECT_EQ(close_code_after(WsOpcode::binary, std::string(64, '\xFF')), kBadPayload);
  EXPECT_EQ(close_code_after(WsOpcode::binary, ""), kBadPayload);
  EXPECT_EQ(
      close_code_after(WsOpcode::binary, wire::encode(wire::ToGateway(wire::Events{{"no frame"}}))),
      kBadPayload);
  EXPECT_THAT(gateway.log(), HasSubstr("a frame is no journal frame"));
  EXPECT_THAT(gateway.log(), Not(HasSubstr("s3cret")));
  WireClient later(gateway.port());
  later.send(wire::Register{9, "w1", 4, {}});
  EXPECT_EQ(later.socket().close_code(), kBadPayload);
  EXPECT_THAT(gateway.log(), HasSubstr("version 9, this program knows version 1"));
  WireClient hasty(gateway.port());
  hasty.send(wire::Announced{"r", "running", "", ""});
  EXPECT_EQ(hasty.socket().close_code(), kPolicy);
}

TEST_F(WireConnection, AnEventWhoseJsonIsBrokenIsDroppedAndNotSentForEver) {
  WireClient daemon(gateway.port());
  daemon.send(wire::Register{wire::kVersion, "w1", 4, {}});
  daemon.send(wire::Events{{frame_of("r", 0, kStepStart), frame_of("r", 1, R"({"kind":"s3cret)")}});
  EXPECT_TRUE(daemon.acknowledged("r", 1));
  EXPECT_EQ(get(gateway.port(), "/api/runs/r").json().at("events"), 1);
  daemon.send(wire::Events{{frame_of("r", 1, "no JSON")}});
  EXPECT_TRUE(daemon.acknowledged("r", 1));
  EXPECT_THAT(gateway.log(), Not(HasSubstr("s3cret")));
}

TEST_F(WireConnection, KindsOfLaterVersionsArePassedOver) {
  WireClient daemon(gateway.port());
  daemon.send(wire::Register{wire::kVersion, "w1", 4, {}});
  std::string later = wire::encode(wire::ToGateway(wire::Heartbeat{}));
  later[16] = 99;  // the kind, in the root's first word
  daemon.send_bytes(later);
  daemon.send(wire::Events{{frame_of("r", 0, kStepStart)}});
  EXPECT_TRUE(daemon.acknowledged("r", 0));
}

TEST_F(WireConnection, WorkersAreShownWithTheirProtocol) {
  {
    WireClient daemon(gateway.port());
    daemon.send(wire::Register{wire::kVersion, "w1", 7, {}});
    daemon.send(wire::Heartbeat{2, 3});
    const auto shown = [&] {
      const auto all = get(gateway.port(), "/api/workers").json().at("workers").as_array();
      return all.empty() ? boost::json::object{} : all[0].as_object();
    };
    ASSERT_TRUE(eventually(tests::kSoon, [&] {
      const auto worker = shown();
      return !worker.empty() && worker.at("load").at("running") == 2;
    }));
    EXPECT_EQ(shown().at("protocol"), "capnp");
    EXPECT_EQ(shown().at("max_runs"), 7);
    ASSERT_TRUE(daemon.socket().settle());
  }
  EXPECT_TRUE(eventually(tests::kSoon, [&] {
    const auto all = get(gateway.port(), "/api/workers").json().at("workers").as_array();
    return all[0].at("connected") == false && all[0].at("protocol") == "capnp";
  }));
}

TEST_F(WireConnection, ADaemonTellsOfItsWorkflowsWhenAsked) {
  WireClient daemon(gateway.port());
  daemon.send(wire::Register{wire::kVersion, "w1", 4, {}});
  ASSERT_TRUE(daemon.socket().settle());
  const auto ask = [&] {
    TestSocket socket(gateway.port());
    socket.send(request_text("GET", "/api/workers/1/workflows", {}, {}));
    return socket;
  };
  TestSocket first = ask();
  const auto question = daemon.next_of<wire::Describe>();
  ASSERT_TRUE(question);
  TestSocket second = ask();
  const auto next = daemon.next_of<wire::Describe>();
  ASSERT_TRUE(next);
  // Each gets its own answer, in whatever order they come; one that nobody asked for is passed
  // over.
  daemon.send(wire::Described{99, "[0]", ""});
  daemon.send(wire::Described{next->id, "", "no such folder"});
  daemon.send(wire::Described{question->id, R"([{"id":"w","inputs":[]}])", ""});
  EXPECT_EQ(read_answer(first).body,
            R"({"worker_id":"w1","connection":1,"workflows":[{"id":"w","inputs":[]}]})");
  const auto refused = read_answer(second);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.text("code"), "not_told");
  EXPECT_EQ(refused.text("message"), "no such folder");
}

// An older daemon passes the question over; whoever asked must not wait for ever.
TEST_F(WireConnection, AQuestionThatIsNotAnsweredEnds) {
  std::optional<WireClient> daemon(std::in_place, gateway.port());
  daemon->send(wire::Register{wire::kVersion, "w1", 4, {}});
  ASSERT_TRUE(daemon->socket().settle());
  EXPECT_EQ(get(gateway.port(), "/api/workers/1/workflows").text("message"),
            "the daemon does not answer");
  ASSERT_TRUE(daemon->next_of<wire::Describe>());
  TestSocket socket(gateway.port());
  socket.send(request_text("GET", "/api/workers/1/workflows", {}, {}));
  ASSERT_TRUE(daemon->next_of<wire::Describe>());
  daemon.reset();
  EXPECT_EQ(read_answer(socket).text("message"), "the daemon went away");
  EXPECT_TRUE(eventually(
      tests::kSoon, [&] { return get(gateway.port(), "/api/workers/1/workflows").status == 404; }));
  EXPECT_EQ(get(gateway.port(), "/api/workers/x/workflows").status, 404);
  DaemonClient json(gateway.port());
  json.send(register_text());
  ASSERT_TRUE(json.settle());
  EXPECT_EQ(get(gateway.port(), "/api/workers/2/workflows").text("code"), "not_told");
}

TEST_F(WireConnection, ACommandNamesThePauseItAnswers) {
  WireClient daemon(gateway.port());
  ASSERT_TRUE(daemon.pause_at_gate());
  ASSERT_EQ(order("/api/runs/r/resume", R"({"approved":true,"note":"ok","command_id":"c"})"), 202);
  const auto command = daemon.next_of<wire::Command>();
  ASSERT_TRUE(command);
  EXPECT_EQ(command->command_id, "c");
  EXPECT_EQ(command->run_id, "r");
  EXPECT_EQ(command->step_id, "g");
  EXPECT_EQ(command->pause, 2U);
  ASSERT_TRUE(std::holds_alternative<wire::Resume>(command->order));
  EXPECT_TRUE(std::get<wire::Resume>(command->order).approved);
  EXPECT_EQ(std::get<wire::Resume>(command->order).note, "ok");
  daemon.send(wire::CommandResult{"c", "r", false, "pause_over", "too late"});
  EXPECT_TRUE(reaches("c", "failed"));
  EXPECT_EQ(get(gateway.port(), "/api/commands/c").text("code"), "pause_over");
}

TEST_F(WireConnection, EveryCommandIsAnswered) {
  WireClient daemon(gateway.port());
  ASSERT_TRUE(daemon.pause_at_gate());
  ASSERT_EQ(order("/api/runs/r/cancel", R"({"note":"enough","command_id":"c"})"), 202);
  const auto cancel = daemon.next_of<wire::Command>();
  ASSERT_TRUE(cancel && std::holds_alternative<wire::Cancel>(cancel->order));
  EXPECT_EQ(std::get<wire::Cancel>(cancel->order).note, "enough");
  EXPECT_EQ(cancel->pause, 0U);
  EXPECT_FALSE(daemon.next(kNothing));  // answers the ping behind it
  ASSERT_TRUE(reaches("c", "delivered"));
  daemon.send(wire::CommandResult{"c", "r", true, "", ""});
  EXPECT_TRUE(reaches("c", "done"));
  ASSERT_EQ(order("/api/runs", R"({"workflow_id":"demo","variables":{"n":1.50},"command_id":"d"})"),
            202);
  const auto start = daemon.next_of<wire::Command>();
  ASSERT_TRUE(start && std::holds_alternative<wire::Start>(start->order));
  EXPECT_EQ(std::get<wire::Start>(start->order).workflow_id, "demo");
  EXPECT_EQ(std::get<wire::Start>(start->order).variables, R"({"n":1.50})");
}

// The pong that confirms the delivery comes before the answer, which may be a refusal.
TEST_F(WireConnection, WhoWaitsForACommandIsToldItsAnswerNotItsDelivery) {
  WireClient daemon(gateway.port());
  ASSERT_TRUE(daemon.pause_at_gate());
  ASSERT_EQ(order("/api/runs/r/resume", R"({"approved":true,"command_id":"c"})"), 202);
  TestSocket asker(gateway.port());
  asker.send(request_text("GET", "/api/commands/c?wait=30", {}, {}));
  ASSERT_TRUE(daemon.next_of<wire::Command>());
  EXPECT_FALSE(daemon.next(kNothing));  // answers the ping behind it
  ASSERT_TRUE(reaches("c", "delivered"));
  EXPECT_FALSE(asker.receive(kNothing));
  daemon.send(wire::CommandResult{"c", "r", false, "pause_over", "too late"});
  const Answer answer = read_answer(asker);
  EXPECT_EQ(answer.text("state"), "failed");
  EXPECT_EQ(answer.text("code"), "pause_over");
}

TEST_F(WireConnection, AnAnswerThatWasLostIsAskedForAgain) {
  {
    WireClient daemon(gateway.port());
    ASSERT_TRUE(daemon.pause_at_gate());
    ASSERT_EQ(order("/api/runs/r/resume", R"({"approved":true,"command_id":"c"})"), 202);
    ASSERT_TRUE(daemon.next_of<wire::Command>());
    EXPECT_FALSE(daemon.next(kNothing));
    ASSERT_TRUE(reaches("c", "delivered"));
  }
  WireClient back(gateway.port());
  back.send(wire::Register{wire::kVersion, "w1", 4, {"r"}});
  back.send(wire::Announced{"r", "paused", "/p/workflows/demo/plan.yml", "2026-01-02T03:04:05Z"});
  const auto command = back.next_of<wire::Command>();
  ASSERT_TRUE(command);
  EXPECT_EQ(command->command_id, "c");
  EXPECT_EQ(command->pause, 2U);
}

TEST_F(WireConnection, ACommandIsDeliveredInTheProtocolItsDaemonComesBackWith) {
  {
    WireClient daemon(gateway.port());
    ASSERT_TRUE(daemon.pause_at_gate());
  }
  ASSERT_TRUE(eventually(tests::kSoon, [&] {
    return !get(gateway.port(), "/api/runs/r").json().at("connected").as_bool();
  }));
  ASSERT_EQ(order("/api/runs/r/resume", R"({"approved":false,"note":"no","command_id":"c"})"), 202);
  {
    DaemonClient stock(gateway.port());
    stock.answer_pings(false);
    stock.send(register_text());
    stock.send(announced_text("r", "paused"));
    stock.send_frame(WsOpcode::pong, "0");
    const auto command = stock.command();
    ASSERT_FALSE(command.empty());
    EXPECT_EQ(command.at("type"), "run.resume");
    EXPECT_EQ(command.at("approved"), false);
    EXPECT_EQ(command.at("note"), "no");
    EXPECT_EQ(command.size(), 5U) << "the stock message has no pause";
  }
  gateway.kill();
  gateway.start();
  WireClient back(gateway.port());
  back.send(wire::Register{wire::kVersion, "w1", 4, {"r"}});
  back.send(wire::Announced{"r", "paused", "/p/workflows/demo/plan.yml", "2026-01-02T03:04:05Z"});
  const auto command = back.next_of<wire::Command>();
  ASSERT_TRUE(command);
  EXPECT_EQ(command->command_id, "c");
  EXPECT_EQ(command->step_id, "g");
  EXPECT_EQ(command->pause, 2U);
  EXPECT_FALSE(std::get<wire::Resume>(command->order).approved);
}

}  // namespace
}  // namespace charter::gateway
