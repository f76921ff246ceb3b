// The HTTP API for reading, on real sockets to a real gateway.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gateway/daemon_client.h"
#include "tests/unit/gateway/gateway_process.h"

namespace charter::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using tests::eventually;

class HttpApi : public ::testing::Test {
 protected:
  HttpApi() : daemon(gateway.port()) { daemon.send(register_text()); }

  void announce(const std::string& run, std::string_view status = "running") {
    daemon.send(announced_text(run, status));
  }
  void events(const std::string& run, int first, int count) {
    for (int seq = first; seq < first + count; ++seq) {
      daemon.send(event_text(run, seq, kStepStart));
    }
  }
  std::vector<std::string> ids(const std::string& query, std::string* next = nullptr) {
    const auto page = get(gateway.port(), "/api/runs" + query).json();
    std::vector<std::string> found;
    for (const auto& run : page.at("runs").as_array()) {
      found.emplace_back(run.at("run_id").as_string());
    }
    if (next != nullptr) {
      *next = page.at("next").is_string() ? std::string(page.at("next").as_string()) : "";
    }
    return found;
  }

  GatewayProcess gateway;
  DaemonClient daemon;
};

TEST_F(HttpApi, ListsRunsByFilterAndPage) {
  for (const auto* run : {"a", "b", "c", "d", "e"}) announce(run);
  announce("p", "paused");
  daemon.send(event_text("c", 0, kFailed));
  ASSERT_TRUE(daemon.settle());
  EXPECT_THAT(ids(""), ElementsAre("p", "e", "d", "c", "b", "a"));
  EXPECT_THAT(ids("?status=failed"), ElementsAre("c"));
  EXPECT_THAT(ids("?status=paused&workflow=demo&worker=w1"), ElementsAre("p"));
  EXPECT_THAT(ids("?workflow=other"), ElementsAre());
  EXPECT_THAT(ids("?worker=other"), ElementsAre());
  EXPECT_THAT(ids("?run_id=d"), ElementsAre("d"));
  std::string next;
  EXPECT_THAT(ids("?limit=4", &next), ElementsAre("p", "e", "d", "c"));
  EXPECT_THAT(ids("?limit=4&cursor=" + next, &next), ElementsAre("b", "a"));
  EXPECT_EQ(next, "");
}

TEST_F(HttpApi, ShowsWhatARunWaitsFor) {
  announce("r");
  daemon.send(event_text("r", 0, kGatePending));
  ASSERT_TRUE(daemon.settle());
  const auto run = get(gateway.port(), "/api/runs/r").json();
  EXPECT_EQ(run.at("status"), "paused");
  EXPECT_EQ(run.at("waiting_for"), "gate");
  EXPECT_EQ(run.at("waiting"), boost::json::parse(kGatePending));
  EXPECT_EQ(run.at("connected"), true);
  EXPECT_EQ(run.at("workflow_path"), "/p/workflows/demo/plan.yml");
  daemon.send(event_text("r", 1, kApproved));
  ASSERT_TRUE(daemon.settle());
  EXPECT_TRUE(get(gateway.port(), "/api/runs/r").json().at("waiting").is_null());
}

TEST_F(HttpApi, PagesEvents) {
  announce("r");
  events("r", 0, 25);
  ASSERT_TRUE(daemon.settle());
  std::int64_t from = 0;
  std::vector<std::size_t> sizes;
  while (true) {
    const auto page =
        get(gateway.port(), "/api/runs/r/events?limit=10&from=" + std::to_string(from)).json();
    const auto& list = page.at("events").as_array();
    EXPECT_EQ(list.front().at("seq").as_int64(), from);
    sizes.push_back(list.size());
    from = page.at("next").as_int64();
    if (!page.at("more").as_bool()) break;
  }
  EXPECT_THAT(sizes, ElementsAre(10U, 10U, 5U));
  EXPECT_EQ(from, 25);
  const auto beyond = get(gateway.port(), "/api/runs/r/events?from=100").json();
  EXPECT_TRUE(beyond.at("events").as_array().empty());
  EXPECT_EQ(beyond.at("next"), 100);
}

TEST_F(HttpApi, ErrorsSayWhatIsWrong) {
  const auto is = [&](const std::string& target, int status, const std::string& field) {
    const auto answer = get(gateway.port(), target);
    EXPECT_EQ(answer.status, status) << target;
    EXPECT_EQ(answer.text("field"), field) << target << answer.body;
    EXPECT_NE(answer.text("message"), "") << target;
  };
  is("/api/runs?limit=0x", 400, "limit");
  is("/api/runs?limit=501", 400, "limit");
  is("/api/runs?limit=0", 400, "limit");
  is("/api/runs/r/events?limit=0", 400, "limit");
  is("/api/runs?limit=1&limit=2", 400, "limit");
  is("/api/runs?text=a&text=a", 400, "text");
  is("/api/runs/r/events?from=0&from=1", 400, "from");
  is("/healthz?x=1", 400, "x");
  is("/readyz?x=1", 400, "x");
  is("/metrics?x=1", 400, "x");
  is("/api?x=1", 400, "x");
  is("/api/runs?cursor=-1", 400, "cursor");
  is("/api/runs?status=odd", 400, "status");
  is("/api/runs?statu=paused", 400, "statu");
  is("/api/runs/r/events?from=x", 400, "from");
  is("/api/runs/nobody", 404, "");
  is("/api/runs/nobody/events", 404, "");
  is("/api/commands/nobody", 404, "");
  is("/api/nothing", 404, "");
  is("/api/runs/%zz", 400, "");
  EXPECT_EQ(ask(gateway.port(), "DELETE", "/api/runs/r").status, 405);
  const auto answer = post(gateway.port(), "/api/workers", "{}");
  EXPECT_EQ(tests::http_header(answer.head, "Allow"), "GET");
}

// A stream is a request like any other.
TEST_F(HttpApi, AParameterThatIsGivenTwiceIsNoStream) {
  announce("r");
  ASSERT_TRUE(daemon.settle());
  EXPECT_EQ(EventReader(gateway.port(), "/api/runs/r/events?from=0&from=1").status(), 400);
  EXPECT_EQ(EventReader(gateway.port(), "/api/runs/r/log?tail=1&tail=2").status(), 400);
}

TEST_F(HttpApi, ListsEveryPath) {
  const auto index = get(gateway.port(), "/api");
  EXPECT_THAT(tests::http_header(index.head, "Content-Type").value_or(""), HasSubstr("text/plain"));
  for (const auto* line :
       {"GET /", "GET /page/NAME", "GET /daemon", "GET /api", "GET /healthz", "GET /readyz",
        "GET /metrics", "GET /api/workers", "GET /api/workers/CONNECTION/workflows",
        "GET /api/workflows", "GET /api/runs", "POST /api/runs", "GET /api/runs/ID",
        "GET /api/runs/ID/events", "GET /api/runs/ID/log", "POST /api/runs/ID/resume",
        "POST /api/runs/ID/cancel", "POST /api/runs/ID/input", "GET /api/commands/ID"}) {
    EXPECT_THAT(index.body, HasSubstr("\n" + std::string(line) + "\n"));
  }
}

TEST_F(HttpApi, WhatIsNoUpgradeIsToldSoInJson) {
  const std::string key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";
  const std::vector<std::string> upgrade{"Connection: Upgrade", "Upgrade: websocket"};
  const auto told = [&](std::vector<std::string> more) {
    if (!more.empty()) more.insert(more.begin(), upgrade.begin(), upgrade.end());
    const auto answer = ask(gateway.port(), "GET", "/daemon", {}, more);
    EXPECT_EQ(tests::http_header(answer.head, "Content-Type"), "application/json");
    EXPECT_EQ(answer.text("code"), "bad_request") << answer.body;
    EXPECT_THAT(answer.text("message"), HasSubstr("WebSocket"));
    // As RFC 6455, 4.2.2 wants it.
    EXPECT_EQ(tests::http_header(answer.head, "Sec-WebSocket-Version").value_or(""),
              answer.status == 426 ? "13" : "");
    return answer.status;
  };
  EXPECT_EQ(told({}), 400);
  EXPECT_EQ(told({"Sec-WebSocket-Version: 13"}), 400) << "no key";
  EXPECT_EQ(told({"Sec-WebSocket-Version: 13", key + "dGhlIHNhbXBsZSBub25jZQ=="}), 400);
  EXPECT_EQ(told({key}), 426);
  EXPECT_EQ(told({key, "Sec-WebSocket-Version: 8"}), 426);
}

TEST_F(HttpApi, OneConnectionServesManyRequests) {
  announce("r");
  ASSERT_TRUE(daemon.settle());
  TestSocket socket(gateway.port());
  // Two at once, and a third behind them.
  socket.send(request_text("GET", "/api/runs/r", {}, {}) + request_text("GET", "/healthz", {}, {}));
  EXPECT_EQ(read_answer(socket).text("run_id"), "r");
  EXPECT_EQ(read_answer(socket).text("status"), "ok");
  socket.send(request_text("GET", "/api/runs/r", {}, {"Connection: close"}));
  EXPECT_EQ(read_answer(socket).status, 200);
  EXPECT_TRUE(socket.receive_to_end());
}

TEST_F(HttpApi, SizesAreBounded) {
  EXPECT_EQ(ask(gateway.port(), "GET", "/" + std::string(40'000, 'x')).status, 431);
  EXPECT_EQ(ask(gateway.port(), "POST", "/api/runs", {}, {"Content-Length: 99999999"}).status, 413);
  // The answer arrives although most of the body is still on its way.
  EXPECT_EQ(ask(gateway.port(), "POST", "/api/runs", std::string(9U << 20, 'x')).status, 413);
  TestSocket garbage(gateway.port());
  garbage.send("HELO there\r\n\r\n");
  EXPECT_EQ(read_answer(garbage).status, 400);
}

TEST_F(HttpApi, ABodyIsInvitedWhenAskedFor) {
  TestSocket socket(gateway.port());
  socket.send(
      "POST /api/runs HTTP/1.1\r\nHost: 127.0.0.1\r\nExpect: 100-continue\r\n"
      "Content-Length: 23\r\n\r\n");
  EXPECT_EQ(read_answer(socket).status, 100);
  socket.send(R"({"workflow_id": "demo"})");
  EXPECT_EQ(read_answer(socket).status, 202);
}

// Whoever need not show a token must not make it keep megabytes.
TEST(OpenPaths, TakeNoBody) {
  const Scratch scratch;
  std::ofstream(scratch / "token") << "open-sesame\n";
  const GatewayProcess gateway({"--token-file", scratch / "token"});
  const auto with = [&](const char* method, const char* path, const std::string& header) {
    TestSocket socket(gateway.port());
    socket.send(request_text(method, path, {}, {header}));
    return read_answer(socket);
  };
  for (const char* path : {"/healthz", "/readyz", "/"}) {
    for (const char* header : {"Content-Length: 8388608", "Transfer-Encoding: chunked"}) {
      EXPECT_EQ(with("GET", path, header).status, 413) << path << " " << header;
    }
    EXPECT_EQ(with("GET", path, "Content-Length: 0").status, 200) << path;
  }
  const Answer refused = with("POST", "/healthz", "Content-Length: 8388608");
  EXPECT_EQ(refused.text("code"), "too_large");
  EXPECT_EQ(refused.text("message"), "this path takes no body");
}

// Many slow clients cost nobody else anything.
TEST_F(HttpApi, StalledClientsDoNotHoldUpOthers) {
  std::vector<TestSocket> stalled;
  for (int n = 0; n < 300; ++n) {
    stalled.emplace_back(gateway.port());
    stalled.back().send("G");
  }
  const auto begin = Clock::now();
  EXPECT_EQ(get(gateway.port(), "/healthz").status, 200);
  EXPECT_LT(tests::since(begin), milliseconds(1000));
}

TEST_F(HttpApi, StreamsEventsUntilTheRunEnds) {
  announce("r");
  events("r", 0, 3);
  ASSERT_TRUE(daemon.settle());
  EventReader reader(gateway.port(), "/api/runs/r/events");
  EXPECT_EQ(reader.status(), 200);
  EXPECT_THAT(reader.head(), HasSubstr("text/event-stream"));
  for (const auto* id : {"0", "1", "2"}) {
    const auto item = reader.next();
    ASSERT_TRUE(item);
    EXPECT_EQ(item->id, id);
    EXPECT_EQ(boost::json::parse(item->data).at("event"), boost::json::parse(kStepStart));
  }
  events("r", 3, 1);
  EXPECT_EQ(reader.next()->id, "3");
  daemon.send(event_text("r", 4, kComplete));
  EXPECT_EQ(reader.next()->id, "4");
  const auto last = reader.next();
  ASSERT_TRUE(last);
  EXPECT_EQ(last->event, "end");
  EXPECT_EQ(last->data, R"({"status":"completed"})");
  EXPECT_TRUE(reader.ends());
}

TEST_F(HttpApi, AStreamGoesOnBehindTheLastEventSeen) {
  announce("r");
  events("r", 0, 1500);
  ASSERT_TRUE(daemon.settle());
  EventReader again(gateway.port(), "/api/runs/r/events", {"Last-Event-ID: 9"});
  for (int seq = 10; seq < 1500; ++seq) {
    const auto item = again.next();
    ASSERT_TRUE(item) << seq;
    ASSERT_EQ(item->id, std::to_string(seq));
  }
  EXPECT_EQ(EventReader(gateway.port(), "/api/runs/r/events?from=1400").next()->id, "1400");
  EXPECT_EQ(EventReader(gateway.port(), "/api/runs/r/events", {"Last-Event-ID: x"}).status(), 400);
  EXPECT_EQ(EventReader(gateway.port(), "/api/runs/nobody/events").status(), 404);
  daemon.send(event_text("r", 1500, kComplete));
  ASSERT_TRUE(daemon.settle());
  // Nothing is left: the reader is told not to come back.
  EXPECT_EQ(EventReader(gateway.port(), "/api/runs/r/events", {"Last-Event-ID: 1500"}).status(),
            204);
}

TEST_F(HttpApi, AnEventWithLineBreaksStaysOneItem) {
  constexpr std::string_view kBroken = "{\"kind\":\"StepStartEvent\",\n\r\n \"x\":1}";
  announce("r");
  daemon.send(event_text("r", 0, kBroken));
  ASSERT_TRUE(daemon.settle());
  const auto item = EventReader(gateway.port(), "/api/runs/r/events").next();
  ASSERT_TRUE(item);
  EXPECT_EQ(boost::json::parse(item->data).at("event"), boost::json::parse(kBroken));
}

TEST_F(HttpApi, AReaderThatStallsLosesNothing) {
  announce("r");
  ASSERT_TRUE(daemon.settle());
  EventReader reader(gateway.port(), "/api/runs/r/events", {}, 4096);
  const std::string event =
      R"({"kind":"StepStartEvent","fill":")" + std::string(4000, 'x') + R"("})";
  constexpr int kEvents = 1200;  // more than the sender's buffer of 4 MiB holds
  for (int seq = 0; seq < kEvents; ++seq) daemon.send(event_text("r", seq, event));
  ASSERT_TRUE(daemon.settle());
  for (int seq = 0; seq < kEvents; ++seq) {
    const auto item = reader.next();
    ASSERT_TRUE(item) << seq;
    ASSERT_EQ(item->id, std::to_string(seq));
  }
}

}  // namespace
}  // namespace charter::gateway
