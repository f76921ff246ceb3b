// What a run prints, asked of its daemon and handed on to whoever looks.
#include <gmock/gmock.h>

#include "gateway/log_view.h"
#include "tests/unit/gateway/gateway_process.h"
#include "tests/unit/gateway/wire_client.h"

namespace charter::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

ipc::OutputPiece piece(std::uint64_t position, std::string bytes, std::string step = "s") {
  return {1'767'323'045'000'006,  position, std::move(step), 1,
          ipc::OutputStream::out, "",       std::move(bytes)};
}

std::string texts(LogView& view, std::vector<ipc::OutputPiece> pieces, bool last = false) {
  wire::Output part;
  part.pieces = std::move(pieces);
  std::string all;
  const auto json = boost::json::parse(view.pieces(part, last));
  for (const auto& one : json.as_array()) {
    if (const auto* dropped = one.as_object().if_contains("dropped")) {
      all += "<" + std::to_string(dropped->as_int64()) + ">";
    }
    if (const auto* earlier = one.as_object().if_contains("earlier")) {
      all += "(" + std::to_string(earlier->as_int64()) + ")";
    }
    all += std::string(one.at("text").as_string()) + "|";
  }
  return all;
}

TEST(LogView, APieceIsAnObject) {
  LogView view(0);
  wire::Output part;
  part.pieces = {piece(0, "a\x1b\"\n"),
                 {1'767'323'045'000'006, 4, "", 0, ipc::OutputStream::integration, "pg", "b"}};
  EXPECT_EQ(view.pieces(part, false),
            R"([{"time":"2026-01-02T03:04:05.000006Z","step":"s","attempt":1,"stream":"stdout",)"
            R"("source":null,"text":"a\u001b\"\n"},)"
            R"({"time":"2026-01-02T03:04:05.000006Z","step":null,"attempt":null,)"
            R"("stream":"integration","source":"pg","text":"b"}])");
}

// Pieces end where a pipe's read did, also in the middle of a character.
TEST(LogView, ACharacterInTwoPiecesIsOne) {
  LogView view(0);
  EXPECT_EQ(texts(view, {piece(0, "a\xE2\x82")}), "a|");
  EXPECT_EQ(texts(view, {piece(3, "\xAC!")}), "\xE2\x82\xAC!|");
  EXPECT_EQ(texts(view, {piece(5, "\xFF\xE2")}), "\xEF\xBF\xBD|");
  EXPECT_EQ(texts(view, {piece(7, "b", "t")}), "b|") << "the other step has ended";
  EXPECT_EQ(texts(view, {piece(8, "c\xE2", "t")}, true), "c\xEF\xBF\xBD|");
}

TEST(LogView, WhatIsMissingIsTold) {
  LogView from_the_beginning(0);
  EXPECT_EQ(texts(from_the_beginning, {piece(10, "a"), piece(11, "b"), piece(20, "c")}),
            "<10>a|b|<8>c|");
  LogView from_the_end(std::nullopt);
  EXPECT_EQ(texts(from_the_end, {piece(10, "a"), piece(20, "c")}), "(10)a|<9>c|");
  LogView all_of_it(std::nullopt);
  EXPECT_EQ(texts(all_of_it, {piece(0, "a")}), "a|");
}

TEST(LogView, APlaceIsAText) {
  const auto place = read_place("7-8-96");
  ASSERT_TRUE(place);
  EXPECT_EQ(place_text(*place), "7-8-96");
  for (const char* bad :
       {"", "7", "7-8", "7-8-", "7-8-9-", "-1-8-9", "7-8-x", "7-8-99999999999999999999"}) {
    EXPECT_FALSE(read_place(bad)) << bad;
  }
}

class GatewayLog : public ::testing::Test {
 protected:
  // A daemon that has announced run r, and says at once whether it tells.
  std::unique_ptr<WireClient> daemon(bool tells = true, const std::string& status = "running") {
    auto client = std::make_unique<WireClient>(gateway.port());
    client->send(wire::Register{wire::kVersion, "w1", 4, {"r"}, tells});
    client->send(wire::Announced{"r", status, "/p/workflows/demo/plan.yml", kStarted});
    EXPECT_TRUE(client->socket().settle());
    return client;
  }
  TestSocket ask(const std::string& query = "", const std::vector<std::string>& headers = {}) {
    TestSocket socket(gateway.port());
    socket.send(request_text("GET", "/api/runs/r/log" + query, {}, headers));
    return socket;
  }
  TestSocket follow(const std::string& query = "", const std::string& header = "") {
    std::vector<std::string> headers{"Accept: text/event-stream"};
    if (!header.empty()) headers.push_back(header);
    return ask(query, headers);
  }
  static bool comes(TestSocket& socket, std::string_view text) {
    const auto deadline = Clock::now() + kSoon;
    while (socket.bytes().find(text) == std::string::npos) {
      if (socket.ended() || Clock::now() > deadline) return false;
      socket.receive(milliseconds(100));
    }
    return true;
  }

  static constexpr const char* kStarted = "2026-01-02T03:04:05Z";
  GatewayProcess gateway;
};

TEST_F(GatewayLog, IsAskedOfTheRunsDaemon) {
  const auto client = daemon();
  TestSocket socket = ask("?from=3-0-96");
  const auto question = client->next_of<wire::ReadOutput>();
  ASSERT_TRUE(question);
  EXPECT_EQ(question->run_id, "r");
  EXPECT_EQ(question->started_at, kStarted);
  EXPECT_EQ(question->place.position, 3U);
  EXPECT_EQ(question->place.offset, 96U);
  EXPECT_EQ(question->tail, 0U);
  client->send(wire::Output{question->id, {piece(5, "hello\n")}, {11, 0, 200}, true, false, ""});
  EXPECT_EQ(read_answer(socket).body,
            R"({"run_id":"r","pieces":[{"dropped":2,"time":"2026-01-02T03:04:05.000006Z",)"
            R"("step":"s","attempt":1,"stream":"stdout","source":null,"text":"hello\n"}],)"
            R"("next":"11-0-200","more":true,"over":false})");
  TestSocket tail = ask("?tail=500");
  const auto second = client->next_of<wire::ReadOutput>();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->tail, 500U);
  client->send(wire::Output{second->id, {}, {}, false, true, "gone"});
  const auto refused = read_answer(tail);
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.text("message"), "gone");
}

TEST_F(GatewayLog, WrongRequestsAreRefused) {
  const auto client = daemon();
  EXPECT_EQ(get(gateway.port(), "/api/runs/nobody/log").text("code"), "unknown_run");
  EXPECT_EQ(get(gateway.port(), "/api/runs/r/log?from=x").text("field"), "from");
  EXPECT_EQ(get(gateway.port(), "/api/runs/r/log?tail=-1").text("field"), "tail");
  EXPECT_EQ(get(gateway.port(), "/api/runs/r/log?tail=1&from=1-2-96").text("field"), "tail");
  EXPECT_EQ(get(gateway.port(), "/api/runs/r/log?step=1").text("field"), "step");
  TestSocket again = follow("", "Last-Event-ID: x");
  EXPECT_EQ(read_answer(again).text("field"), "Last-Event-ID");
}

TEST_F(GatewayLog, FollowsUntilTheRunIsOver) {
  const auto client = daemon();
  TestSocket socket = follow("?tail=100");
  auto question = client->next_of<wire::ReadOutput>();
  ASSERT_TRUE(question);
  EXPECT_EQ(question->tail, 100U);
  client->send(wire::Output{question->id, {piece(50, "one\n")}, {54, 0, 96}, false, false, ""});
  ASSERT_TRUE(comes(socket, "one"));
  EXPECT_THAT(socket.bytes(), HasSubstr("id: 54-0-96\n"));
  EXPECT_THAT(socket.bytes(), Not(HasSubstr("dropped")));
  // Asked again by itself, one question at a time, from there on.
  question = client->next_of<wire::ReadOutput>();
  ASSERT_TRUE(question);
  EXPECT_EQ(question->tail, 0U);
  EXPECT_EQ(question->place.position, 54U);
  EXPECT_FALSE(client->next_of<wire::ReadOutput>(milliseconds(1500))) << "it has no answer yet";
  client->send(wire::Output{question->id, {}, question->place, false, false, ""});
  question = client->next_of<wire::ReadOutput>();
  ASSERT_TRUE(question);
  client->send(wire::Output{question->id, {piece(60, "two\n")}, {64, 0, 192}, false, true, ""});
  ASSERT_TRUE(comes(socket, "event: end"));
  EXPECT_THAT(socket.bytes(), HasSubstr("\"dropped\":6"));
  EXPECT_TRUE(socket.receive_to_end());
  // A reader that was cut off goes on where it was, whatever it once asked for.
  TestSocket back = follow("?tail=100", "Last-Event-ID: 54-0-96");
  question = client->next_of<wire::ReadOutput>();
  ASSERT_TRUE(question);
  EXPECT_EQ(question->place.position, 54U);
  EXPECT_EQ(question->tail, 0U);
}

// Nobody looks, so nobody asks.
TEST_F(GatewayLog, NothingIsAskedForAReaderThatLeft) {
  const auto client = daemon();
  {
    TestSocket socket = follow();
    const auto question = client->next_of<wire::ReadOutput>();
    ASSERT_TRUE(question);
    ASSERT_TRUE(comes(socket, "retry:"));
    socket.close();
    client->send(wire::Output{question->id, {}, {}, false, false, ""});
  }
  EXPECT_TRUE(tests::eventually(kSoon, [&] {
    const auto late = client->next_of<wire::ReadOutput>(milliseconds(1500));
    if (late) client->send(wire::Output{late->id, {}, {}, false, false, ""});
    return !late;
  }));
}

TEST_F(GatewayLog, ADaemonThatGoesAwayAndComesBackIsAskedAgain) {
  auto client = daemon();
  TestSocket socket = follow();
  ASSERT_TRUE(client->next_of<wire::ReadOutput>());
  client.reset();
  ASSERT_TRUE(comes(socket, R"(event: trouble
data: {"message":"the daemon went away"})"));
  ASSERT_TRUE(comes(socket, "the run's daemon is not connected"));
  client = daemon();
  const auto question = client->next_of<wire::ReadOutput>();
  ASSERT_TRUE(question);
  client->send(wire::Output{question->id, {piece(0, "one\n")}, {4, 0, 96}, false, false, ""});
  ASSERT_TRUE(comes(socket, "event: fine"));
  ASSERT_TRUE(comes(socket, "one"));
}

TEST_F(GatewayLog, WhereADaemonDoesNotTellThatIsSaid) {
  const auto older = daemon(false);
  const auto refused = get(gateway.port(), "/api/runs/r/log");
  EXPECT_EQ(refused.status, 409);
  EXPECT_EQ(refused.text("code"), "not_told");
  TestSocket stream = follow();
  EXPECT_THAT(read_answer(stream).text("message"), HasSubstr("--gateway-logs off"));
  EXPECT_FALSE(older->next_of<wire::ReadOutput>(milliseconds(300)));
  DaemonClient json(gateway.port());
  json.send(register_text("w2"));
  json.send(announced_text("stock", "running", "2026-01-02T03:04:05Z", "w2"));
  ASSERT_TRUE(json.settle());
  EXPECT_EQ(get(gateway.port(), "/api/runs/stock/log").text("code"), "not_told");
  json.disconnect();
  EXPECT_TRUE(tests::eventually(kSoon, [&] {
    return get(gateway.port(), "/api/runs/stock/log").text("code") == "not_connected";
  }));
}

// An ended run is announced by nobody, and two projects may share a worker's name.
TEST_F(GatewayLog, AnEndedRunIsAskedOfWhoeverHasItsDaemonsName) {
  {
    const auto first = daemon();
    first->send(wire::Events{{frame_of("r", 0, kComplete)}});
    ASSERT_TRUE(first->acknowledged("r", 0));
  }
  WireClient one(gateway.port());
  one.send(wire::Register{wire::kVersion, "w1", 4, {}, true});
  ASSERT_TRUE(one.socket().settle());
  WireClient other(gateway.port());
  other.send(wire::Register{wire::kVersion, "w1", 4, {}, true});
  ASSERT_TRUE(other.socket().settle());
  TestSocket socket = ask();
  const auto first = other.next_of<wire::ReadOutput>();
  ASSERT_TRUE(first) << "the newest is asked first";
  other.send(wire::Output{first->id, {}, {}, false, true, "nothing"});
  const auto second = one.next_of<wire::ReadOutput>();
  ASSERT_TRUE(second);
  EXPECT_EQ(second->run_id, "r");
  one.send(wire::Output{second->id, {piece(0, "mine")}, {4, 0, 96}, false, true, ""});
  EXPECT_THAT(read_answer(socket).body, HasSubstr(R"("text":"mine")"));
}

// An answer of the other kind ends the question; malformed ones end the connection.
TEST_F(GatewayLog, NonsenseOfADaemonIsNoHarm) {
  const auto client = daemon();
  TestSocket socket = ask();
  const auto question = client->next_of<wire::ReadOutput>();
  ASSERT_TRUE(question);
  client->send(wire::Output{99, {piece(0, "nobody asked")}, {}, false, false, ""});
  client->send(wire::Described{question->id, "[]", ""});
  EXPECT_THAT(read_answer(socket).text("message"), HasSubstr("something else"));
}

}  // namespace
}  // namespace charter::gateway
