// What a gateway may send that is odd, wrong or hostile.
#include "supervisor/link/web_socket.h"
#include "tests/support/ws_frame.h"
#include "tests/unit/supervisor/link_fixture.h"

namespace charter::supervisor {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using tests::frame_bytes;
using tests::WsFrame;
using tests::WsOpcode;

class LinkProtocol : public LinkTest {
 protected:
  void connect() {
    start(settings(server_));
    ASSERT_TRUE(run_until([&] { return client_.confirmations.size() == 1; }));
  }
  // Sends raw bytes, then expects the link to end the connection with `code` and to come back.
  void expect_failed(std::string bytes, std::uint16_t code) {
    const std::size_t number = server_.connections() - 1;
    const std::size_t ups = client_.ups.size();
    server_.send_raw(std::move(bytes));
    ASSERT_TRUE(run_until([&] { return server_.record(number).close_code.has_value(); }));
    EXPECT_EQ(server_.record(number).close_code, code);
    ASSERT_TRUE(run_until([&] { return client_.ups.size() == ups + 1; }));
    EXPECT_THAT(client_.texts, IsEmpty());
    ASSERT_TRUE(run_until([&] { return server_.upgrades() == number + 2; }));
  }

  WsServer server_;
};

TEST_F(LinkProtocol, MessagesArriveWhole) {
  connect();
  server_.send_text("one");
  server_.send_raw(frame_bytes({false, 0, WsOpcode::text, false, "th"}));
  server_.send_raw(frame_bytes({true, 0, WsOpcode::ping, false, "are you there"}));
  server_.send_raw(frame_bytes({false, 0, WsOpcode::more, false, "re"}));
  server_.send_raw(frame_bytes({true, 0, WsOpcode::more, false, "e"}));
  server_.send_raw(frame_bytes({true, 0, WsOpcode::binary, false, "not for us"}));
  server_.send_text("");
  const std::string large(3U << 20, 'x');  // its length takes eight bytes
  server_.send_text(large);
  ASSERT_TRUE(run_until([&] { return client_.texts.size() == 4; }));
  EXPECT_THAT(client_.texts, ElementsAre("one", "three", "", large));
  ASSERT_TRUE(run_until([&] { return !server_.record(0).pongs.empty(); }));
  EXPECT_THAT(server_.record(0).pongs, ElementsAre("are you there"));
  EXPECT_THAT(client_.downs, IsEmpty());
}

TEST_F(LinkProtocol, FramesMayArriveByteByByte) {
  connect();
  for (const char byte : frame_bytes({true, 0, WsOpcode::text, false, "slowly"})) {
    server_.send_raw(std::string(1, byte));
    run_for(milliseconds(2));
  }
  ASSERT_TRUE(run_until([&] { return client_.texts.size() == 1; }));
  EXPECT_EQ(client_.texts[0], "slowly");
}

TEST_F(LinkProtocol, MaskedFrameFromTheGatewayIsAnError) {
  connect();
  expect_failed(frame_bytes({true, 0, WsOpcode::text, true, "x"}), 1002);
}

TEST_F(LinkProtocol, BrokenFramesAreErrors) {
  connect();
  expect_failed(frame_bytes({true, 4, WsOpcode::text, false, "x"}), 1002);  // reserved bit
  expect_failed(frame_bytes({true, 0, static_cast<WsOpcode>(3), false, "x"}), 1002);
  expect_failed(frame_bytes({true, 0, WsOpcode::more, false, "x"}), 1002);
  expect_failed(frame_bytes({false, 0, WsOpcode::ping, false, "x"}), 1002);
  expect_failed(frame_bytes({true, 0, WsOpcode::ping, false, std::string(126, 'x')}), 1002);
  // A length in more bytes than it needs.
  expect_failed(tests::long_frame_bytes({true, 0, WsOpcode::text, false, "x"}), 1002);
  expect_failed("\x81\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF", 1009);
}

TEST_F(LinkProtocol, InvalidUtf8IsAnError) {
  connect();
  expect_failed(frame_bytes({true, 0, WsOpcode::text, false, "\xC3\x28"}), 1007);
  expect_failed(frame_bytes({true, 0, WsOpcode::text, false, "ok \xED\xA0\x80"}), 1007);
  expect_failed(frame_bytes({true, 0, WsOpcode::text, false, "cut \xE2\x82"}), 1007);
}

TEST_F(LinkProtocol, MessageOverTheLimitIsRefusedByItsHeaderAlone) {
  connect();
  std::string header = frame_bytes({true, 0, WsOpcode::text, false, std::string(70'000, ' ')});
  header.resize(10);
  const std::uint64_t size = WebSocket::kMaxMessageBytes + 1;
  for (std::size_t i = 0; i < 8; ++i) {
    header[2 + i] = static_cast<char>(size >> (8 * (7 - i)) & 0xFF);
  }
  expect_failed(header, 1009);
}

TEST_F(LinkProtocol, ClosesAreToldWithTheirCodeAndPrintableReason) {
  connect();
  server_.send_close(1008, "policy \x1b[31m\xC3\xA9");
  ASSERT_TRUE(run_until([&] { return client_.downs.size() == 1; }));
  EXPECT_EQ(client_.downs[0], "closed by the gateway with code 1008: policy ?[31m??");
  // The close frame is answered.
  ASSERT_TRUE(run_until([&] { return server_.record(0).close_code.has_value(); }));
  EXPECT_EQ(server_.record(0).close_code, 1008);
  ASSERT_TRUE(run_until([&] { return server_.upgrades() == 2; }));
  server_.send_raw(frame_bytes({true, 0, WsOpcode::close, false, ""}));
  ASSERT_TRUE(run_until([&] { return client_.downs.size() == 2; }));
  EXPECT_EQ(client_.downs[1], "closed by the gateway");
}

TEST_F(LinkProtocol, EndWithoutACloseFrameIsSaid) {
  connect();
  server_.end();
  ASSERT_TRUE(run_until([&] { return client_.downs.size() == 1; }));
  EXPECT_THAT(client_.downs[0], HasSubstr("without a close frame"));
}

TEST_F(LinkProtocol, ResetInTheMiddleOfAFrameIsSurvived) {
  connect();
  std::string half = frame_bytes({true, 0, WsOpcode::text, false, std::string(50'000, 'x')});
  half.resize(25'000);
  server_.send_raw(half);
  run_for(milliseconds(50));
  server_.reset();
  ASSERT_TRUE(run_until([&] { return client_.ups.size() == 2; }));
  EXPECT_THAT(client_.texts, IsEmpty());
  EXPECT_THAT(client_.downs, SizeIs(1));
}

TEST_F(LinkProtocol, FloodOfPingsIsAnsweredAndSurvived) {
  connect();
  std::string flood;
  for (int i = 0; i < 20'000; ++i) flood += frame_bytes({true, 0, WsOpcode::ping, false, "p"});
  server_.send_raw(flood);
  server_.send_text("after");
  add_messages(100);
  ASSERT_TRUE(run_until([&] { return client_.texts.size() == 1; }));
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 100; }));
  EXPECT_THAT(client_.downs, IsEmpty());
}

}  // namespace
}  // namespace charter::supervisor
