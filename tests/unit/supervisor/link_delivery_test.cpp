// What the gateway gets, in which order, and when it counts as confirmed.
#include "supervisor/link/batch_window.h"
#include "tests/support/ws_frame.h"
#include "tests/unit/supervisor/link_fixture.h"

namespace charter::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class LinkDelivery : public LinkTest {
 protected:
  static std::string pong(std::string_view payload) {
    return tests::frame_bytes({true, 0, tests::WsOpcode::pong, false, std::string(payload)});
  }
};

TEST_F(LinkDelivery, UpgradesAsTheProtocolSaysAndRegistersFirst) {
  WsServer server;
  auto made = settings(server);
  made.token = "s3cret";
  start(made);
  add_messages(3);
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 3; }));
  const WsRecord record = server.record(0);
  EXPECT_TRUE(record.request.starts_with("GET /daemon HTTP/1.1\r\n")) << record.request;
  EXPECT_THAT(record.request, HasSubstr("\r\nAuthorization: Bearer s3cret\r\n"));
  EXPECT_THAT(record.request, HasSubstr("\r\nHost: 127.0.0.1:" + std::to_string(server.port())));
  EXPECT_THAT(record.request, Not(HasSubstr("Sec-WebSocket-Extensions")));
  EXPECT_THAT(texts_of(record), ElementsAre("register", "m0", "m1", "m2"));
  EXPECT_THAT(record.faults, IsEmpty());
  EXPECT_EQ(link_->status().warning, "");
}

TEST_F(LinkDelivery, SendsTheUrlsUserAndPasswordWhereThereIsNoToken) {
  WsServer server;
  start(settings("http://user:pass@127.0.0.1:" + std::to_string(server.port())));
  ASSERT_TRUE(run_until_up());
  EXPECT_THAT(server.record(0).request, HasSubstr("\r\nAuthorization: Basic dXNlcjpwYXNz\r\n"));
}

TEST_F(LinkDelivery, ConfirmsABatchByItsPongAndByNothingElse) {
  WsServer server({.answer_pings = false});
  auto made = settings(server);
  made.heartbeat = milliseconds(1'000);
  start(made);
  add_messages(3);
  ASSERT_TRUE(run_until([&] { return server.messages().size() == 4; }));
  server.send_text("a message");
  server.send_raw(pong("999"));
  server.send_raw(pong("x"));
  server.send_raw(pong(""));
  ASSERT_TRUE(run_until([&] { return !client_.texts.empty(); }));
  run_for(milliseconds(100));
  EXPECT_THAT(client_.confirmations, IsEmpty());
  server.send_raw(pong("1"));
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 3; }));
  EXPECT_THAT(client_.confirmations, ElementsAre(1));
}

TEST_F(LinkDelivery, PingsCarryTheNumberOfTheBatchBeforeThem) {
  WsServer server;
  start(settings(server));
  for (std::size_t batch = 1; batch <= 4; ++batch) {
    add_messages(2);
    ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 2 * batch; }));
  }
  const auto pings = server.record(0).pings;
  ASSERT_EQ(pings.size(), client_.confirmations.size());
  for (std::size_t i = 0; i < pings.size(); ++i) EXPECT_EQ(pings[i], std::to_string(i + 1));
}

TEST_F(LinkDelivery, LatePongsDoNotHoldBackTheNextBatches) {
  WsServer server({.pong_delay = milliseconds(300)});
  start(settings(server));
  add_messages(400, 4'000);  // 1.6 MB, some 25 batches
  const auto begun = Clock::now();
  ASSERT_TRUE(run_until([&] { return server.messages().size() == 401; }));
  EXPECT_GT(server.record(0).pings.size(), 10U);
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 400; }));
  // One after the other they would take eight seconds.
  EXPECT_LT(tests::since(begun), milliseconds(5'000));
}

TEST_F(LinkDelivery, UnconfirmedBatchesAreBounded) {
  WsServer server({.answer_pings = false});
  start(settings(server));
  add_messages(10'000, 1'000);
  const std::size_t most = BatchWindow::kMaxBytes + 70'000;
  ASSERT_TRUE(
      run_until([&] { return server.messages().size() * 1'000 + 70'000 > most - 140'000; }));
  run_for(milliseconds(200));
  EXPECT_LE(client_.sent * 1'000, most);
}

TEST_F(LinkDelivery, ManyWakesCostOneFill) {
  WsServer server;
  start(settings(server));
  ASSERT_TRUE(run_until([&] { return client_.confirmations.size() == 1; }));
  const int before = client_.fills;
  for (int i = 0; i < 1'000; ++i) link_->wake();
  run_for(milliseconds(50));
  EXPECT_EQ(client_.fills, before + 1);
}

TEST_F(LinkDelivery, LargeMessagesTravelInOneFrame) {
  WsServer server;
  start(settings(server));
  add_messages(1, 3U << 20);
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 1; }));
  const WsRecord record = server.record(0);
  EXPECT_THAT(record.faults, IsEmpty());
  ASSERT_EQ(record.messages.size(), 2U);
  EXPECT_EQ(record.messages[1].text, client_.messages[0]);
}

TEST_F(LinkDelivery, HeartbeatsComeEveryIntervalBeginningOneIntervalAfterTheConnection) {
  WsServer server;
  auto made = settings(server);
  made.heartbeat = milliseconds(200);
  start(made);
  ASSERT_TRUE(run_until([&] { return client_.heartbeats >= 4; }));
  std::vector<Clock::time_point> beats;
  ASSERT_TRUE(run_until([&] {
    beats.clear();
    for (const auto& message : server.messages()) {
      if (message.text == "heartbeat") beats.push_back(message.at);
    }
    return beats.size() >= 4;
  }));
  for (std::size_t i = 0; i < beats.size(); ++i) {
    EXPECT_GE(beats[i] - client_.ups[0], static_cast<int>(i + 1) * milliseconds(200));
  }
}

TEST_F(LinkDelivery, EverythingArrivesInOrderThoughTheConnectionBreaksAgainAndAgain) {
  WsServer server({.pong_delay = milliseconds(5)});
  start(settings(server));
  constexpr std::size_t kMessages = 4'000;
  for (std::size_t added = 0; added < kMessages; added += 400) {
    add_messages(400, 200);
    const std::size_t half = added + 200;
    ASSERT_TRUE(run_until([&] { return client_.sent >= half; }));
    if (added % 800 == 0) {
      server.reset_all();
    } else {
      server.end();
    }
  }
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == kMessages; }));
  std::size_t expected = 0;
  for (std::size_t i = 0; i < server.connections(); ++i) {
    std::size_t last = 0;
    for (const std::string& text : texts_of(server.record(i))) {
      if (text == "register") continue;
      const std::size_t number = std::stoul(text.substr(1));
      EXPECT_LE(number, expected);  // never a hole
      if (last > 0) {
        EXPECT_EQ(number, last + 1);
      }
      last = number;
      expected = std::max(expected, number + 1);
    }
  }
  EXPECT_EQ(expected, kMessages);
}

TEST_F(LinkDelivery, StopSendsACloseFrame) {
  WsServer server;
  start(settings(server));
  ASSERT_TRUE(run_until([&] { return client_.confirmations.size() == 1; }));
  int stopped = 0;
  link_->stop([&] { ++stopped; });
  ASSERT_TRUE(run_until([&] { return stopped > 0; }));
  EXPECT_EQ(stopped, 1);
  EXPECT_EQ(link_->status().state, LinkStatus::State::stopped);
  ASSERT_TRUE(tests::eventually(kSoon, [&] { return server.record(0).close_code.has_value(); }));
  EXPECT_EQ(server.record(0).close_code, 1000);
  EXPECT_THAT(client_.downs, IsEmpty());
}

TEST_F(LinkDelivery, StopDoesNotWaitForAFrozenGateway) {
  WsServer server;
  start(settings(server));
  ASSERT_TRUE(run_until_up());
  server.freeze();
  add_messages(3'000, 10'000);  // more than the sockets hold
  run_for(milliseconds(100));
  bool stopped = false;
  const auto begun = Clock::now();
  link_->stop([&] { stopped = true; });
  ASSERT_TRUE(run_until([&] { return stopped; }));
  EXPECT_LT(tests::since(begun), milliseconds(1'000));
}

TEST_F(LinkDelivery, StopWorksInEveryState) {
  WsServer silent({.answer_upgrade = false});
  const auto stops = [&] {
    bool stopped = false;
    link_->stop([&] { stopped = true; });
    return run_until([&] { return stopped; }, milliseconds(1'000));
  };
  start(settings(silent));  // at once, while it connects
  EXPECT_TRUE(stops());
  start(settings(silent));
  ASSERT_TRUE(run_until([&] { return silent.connections() == 1; }));  // while it upgrades
  EXPECT_TRUE(stops());
  auto made = settings("http://127.0.0.1:1");
  made.reconnect_delay = milliseconds(30'000);
  start(made);
  ASSERT_TRUE(run_until([&] { return link_->status().state == LinkStatus::State::waiting; }));
  EXPECT_TRUE(stops());
  EXPECT_TRUE(stops());  // and once more
  EXPECT_THAT(client_.ups, IsEmpty());
}

TEST_F(LinkDelivery, DestroyedLinkIsSilent) {
  WsServer server;
  start(settings(server));
  add_messages(50, 1'000);
  ASSERT_TRUE(run_until_up());
  link_.reset();
  const auto confirmed = client_.confirmations.size();
  run_for(milliseconds(50));
  EXPECT_EQ(client_.confirmations.size(), confirmed);
  EXPECT_THAT(client_.downs, IsEmpty());
}

}  // namespace
}  // namespace charter::supervisor
