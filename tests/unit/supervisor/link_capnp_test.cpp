// The link to a gateway that chooses charter.capnp.v1, and to some that only seem to.
#include "ipc/gateway_message.h"
#include "tests/support/ws_frame.h"
#include "tests/unit/supervisor/link_fixture.h"

namespace charter::supervisor {
namespace {

namespace wire = ipc::wire;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Two of them are as long as a busy machine may need for a pong; 24 are the patience of the link.
constexpr milliseconds kHeartbeat{60};

class LinkInCapnp : public LinkTest {
 protected:
  WsServer& server(WsRules rules = {.choose = "charter.capnp.v1"}) {
    return server_.emplace(std::move(rules));
  }
  void welcome() { server_->send_binary(wire::encode(wire::ToDaemon(wire::Welcome{}))); }
  void connect() {
    start(settings(server()));
    ASSERT_TRUE(run_until([&] { return server_->upgrades() == 1; }));
    welcome();
    ASSERT_TRUE(run_until_up());
  }
  // The gateway's reason for not being spoken to in Cap'n Proto any more, and that it is spoken to
  // in JSON instead.
  void expect_json_after(const std::string& reason) {
    ASSERT_TRUE(run_until([&] {
      return link_->status().last_error.find("not offered any more") != std::string::npos;
    }));
    EXPECT_THAT(link_->status().last_error, HasSubstr(reason));
    ASSERT_TRUE(run_until([&] { return server_->upgrades() == 2; }));
    EXPECT_FALSE(tests::http_header(server_->record(1).request, "Sec-WebSocket-Protocol"));
  }

  std::optional<WsServer> server_;
};

TEST_F(LinkInCapnp, IsOfferedAndAGatewayThatDoesNotChooseItGetsJson) {
  start(settings(server({})));
  ASSERT_TRUE(run_until([&] { return client_.confirmations.size() == 1; }));
  EXPECT_EQ(tests::http_header(server_->record(0).request, "Sec-WebSocket-Protocol"),
            "charter.capnp.v1");
  EXPECT_THAT(client_.protocols, ElementsAre(WireProtocol::json));
  EXPECT_EQ(link_->status().protocol, WireProtocol::json);
  EXPECT_THAT(server_->record(0).faults, IsEmpty());
}

TEST_F(LinkInCapnp, CanBeLeftOut) {
  auto made = settings(server({}));
  made.offer_capnp = false;
  start(made);
  ASSERT_TRUE(run_until_up());
  EXPECT_FALSE(tests::http_header(server_->record(0).request, "Sec-WebSocket-Protocol"));
}

TEST_F(LinkInCapnp, NothingIsSaidBeforeTheWelcome) {
  start(settings(server()));
  ASSERT_TRUE(run_until([&] { return server_->upgrades() == 1; }));
  run_for(milliseconds(100));
  EXPECT_THAT(server_->record(0).messages, IsEmpty());
  EXPECT_FALSE(is_up());
  welcome();
  ASSERT_TRUE(run_until([&] { return !server_->record(0).messages.empty(); }));
  EXPECT_THAT(client_.protocols, ElementsAre(WireProtocol::capnp));
  EXPECT_EQ(link_->status().protocol, WireProtocol::capnp);
  EXPECT_THAT(server_->record(0).faults, IsEmpty()) << "binary messages only";
}

TEST_F(LinkInCapnp, PongsConfirmNothing) {
  connect();
  add_messages(3);
  ASSERT_TRUE(run_until([&] { return server_->record(0).messages.size() == 4; }));
  EXPECT_THAT(server_->record(0).pings, IsEmpty()) << "no ping behind a batch";
  server_->send_raw(tests::frame_bytes({true, 0, tests::WsOpcode::pong, false, "1"}));
  run_for(milliseconds(50));
  EXPECT_THAT(client_.confirmations, IsEmpty());
}

TEST_F(LinkInCapnp, TheWindowIsFullUntilSomethingIsAcknowledged) {
  connect();
  add_messages(100, 64U << 10);
  const auto sent = [&] { return server_->record(0).messages.size(); };
  ASSERT_TRUE(run_until([&] { return sent() >= 30; }));
  run_for(milliseconds(100));
  const std::size_t before = sent();
  EXPECT_LT(before, 40U) << "2 MiB may be under way";
  server_->send_binary("ack 10");
  ASSERT_TRUE(run_until([&] { return sent() > before; }));
  for (int number = 11; number <= 101 && sent() < 101; ++number) {
    server_->send_binary("ack " + std::to_string(number));
    run_for(milliseconds(5));
  }
  EXPECT_TRUE(run_until([&] { return sent() == 101; }));
}

TEST_F(LinkInCapnp, BatchesWithNothingToAcknowledgeDoNotFillTheWindow) {
  client_.settles_by_itself = true;
  connect();
  for (int i = 0; i < 200; ++i) {
    add_messages(1);
    ASSERT_TRUE(run_until([&] { return client_.sent == client_.messages.size(); }));
  }
}

TEST_F(LinkInCapnp, AGatewayThatAcknowledgesNothingIsLeft) {
  auto made = settings(server());
  made.heartbeat = kHeartbeat;
  start(made);
  ASSERT_TRUE(run_until([&] { return server_->upgrades() == 1; }));
  welcome();
  ASSERT_TRUE(run_until_up());
  add_messages(1);
  ASSERT_TRUE(run_until([&] { return !client_.downs.empty(); }));
  EXPECT_THAT(client_.downs[0], HasSubstr("acknowledges no event"));
  EXPECT_TRUE(link_->status().confirms_by_pong);
}

TEST_F(LinkInCapnp, AnIdleConnectionStays) {
  client_.settles_by_itself = true;
  auto made = settings(server());
  made.heartbeat = kHeartbeat;
  start(made);
  ASSERT_TRUE(run_until([&] { return server_->upgrades() == 1; }));
  welcome();
  ASSERT_TRUE(run_until([&] { return client_.heartbeats >= 28; }));
  EXPECT_THAT(client_.downs, IsEmpty());
}

TEST_F(LinkInCapnp, AServerThatChoosesWhateverItIsOfferedGetsJson) {
  auto made = settings(server());
  made.connect_timeout = milliseconds(300);
  start(made);
  expect_json_after("said no welcome in it");
  server_->set_rules({});
}

TEST_F(LinkInCapnp, AGatewayThatAnswersInTextGetsJson) {
  start(settings(server()));
  ASSERT_TRUE(run_until([&] { return server_->upgrades() == 1; }));
  server_->send_text("{}");
  expect_json_after("answers in text");
}

TEST_F(LinkInCapnp, AWelcomeOfAnotherVersionNamesBoth) {
  start(settings(server()));
  ASSERT_TRUE(run_until([&] { return server_->upgrades() == 1; }));
  server_->send_binary(wire::encode(wire::ToDaemon(wire::Welcome{2})));
  expect_json_after("version 2, this program knows version 1");
}

TEST_F(LinkInCapnp, WhatIsNoWelcomeIsNone) {
  start(settings(server()));
  ASSERT_TRUE(run_until([&] { return server_->upgrades() == 1; }));
  server_->send_binary(wire::encode(wire::ToDaemon(wire::Acks{})));
  expect_json_after("said no welcome");
}

TEST_F(LinkInCapnp, AConnectionThatEndsBeforeTheWelcomeProvesNothing) {
  start(settings(server()));
  ASSERT_TRUE(run_until([&] { return server_->upgrades() == 1; }));
  server_->reset();
  ASSERT_TRUE(run_until([&] { return server_->upgrades() == 2; }));
  EXPECT_EQ(tests::http_header(server_->record(1).request, "Sec-WebSocket-Protocol"),
            "charter.capnp.v1");
}

TEST_F(LinkInCapnp, NonsenseEndsTheConnectionAndSaysSo) {
  connect();
  server_->send_binary("nonsense");
  ASSERT_TRUE(run_until([&] { return client_.downs.size() == 1; }));
  EXPECT_EQ(client_.downs[0], "the gateway sent a malformed message");
  ASSERT_TRUE(run_until([&] { return server_->upgrades() == 2; }));
  welcome();
  ASSERT_TRUE(run_until_up());
  server_->send_text("text");
  ASSERT_TRUE(run_until([&] { return client_.downs.size() == 2; }));
  EXPECT_THAT(client_.downs[1], HasSubstr("sent a text message in charter.capnp.v1"));
}

}  // namespace
}  // namespace charter::supervisor
