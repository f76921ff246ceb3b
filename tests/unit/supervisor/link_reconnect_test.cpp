// Refusals, outages and the way back.
#include "tests/unit/supervisor/link_fixture.h"

namespace charter::supervisor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using State = LinkStatus::State;

class LinkReconnect : public LinkTest {
 protected:
  static std::string answer(std::string_view status, std::string_view headers = "") {
    return "HTTP/1.1 " + std::string(status) + "\r\n" + std::string(headers) +
           "Content-Length: 0\r\n\r\n";
  }
  // Starts a link against a gateway that answers so, and runs to the first wait.
  void start_refused(WsServer& server, std::string_view status, std::string_view headers = "") {
    WsRules rules;
    rules.answer_instead = answer(status, headers);
    server.set_rules(rules);
    auto made = settings(server);
    made.reconnect_delay = milliseconds(20'000);
    made.token = "t0ken";
    start(made);
    ASSERT_TRUE(run_until([&] { return link_->status().state == State::waiting; }));
  }
};

TEST_F(LinkReconnect, RefusalsAreNamedAndDoNotMakeATightLoop) {
  struct Case {
    std::string_view status, words;
  };
  for (const Case& it : {Case{"401 Unauthorized", "401 Unauthorized: it does not accept the token"},
                         Case{"403 Forbidden", "403 Forbidden: it does not accept the token"},
                         Case{"404 Not Found", "is this a charter gateway?"},
                         Case{"500 Oops", "500 Oops"}, Case{"200 OK", "200 OK"}}) {
    WsServer server;
    start_refused(server, it.status);
    const auto status = link_->status();
    EXPECT_THAT(status.last_error, HasSubstr(it.words));
    EXPECT_EQ(status.last_error.find("t0ken"), std::string::npos);
    // Half the range is a floor: twice the delay is 40 s.
    EXPECT_GE(status.next_try, milliseconds(19'000));
    EXPECT_EQ(server.connections(), 1U);
    EXPECT_EQ(status.connections, 0U);
  }
  EXPECT_THAT(client_.ups, IsEmpty());
  EXPECT_THAT(client_.downs, IsEmpty());
}

TEST_F(LinkReconnect, RedirectsAreNotFollowed) {
  WsServer elsewhere;
  WsServer server;
  start_refused(server, "302 Found", "Location: " + elsewhere.url() + "/daemon\r\n");
  EXPECT_THAT(link_->status().last_error, HasSubstr("redirects are not followed"));
  EXPECT_THAT(link_->status().last_error, HasSubstr(elsewhere.url()));
  run_for(milliseconds(50));
  EXPECT_EQ(elsewhere.connections(), 0U);
}

TEST_F(LinkReconnect, RetryAfterOfABusyGatewayIsKept) {
  for (const std::string_view status : {"429 Too Many Requests", "503 Service Unavailable"}) {
    WsServer server;
    start_refused(server, status, "Retry-After: 1000\r\n");
    EXPECT_GE(link_->status().next_try, milliseconds(999'000));
    EXPECT_LE(link_->status().next_try, milliseconds(1'040'000));
  }
}

TEST_F(LinkReconnect, MissingTokenIsHintedAt) {
  WsServer server({.answer_instead = answer("401 Unauthorized")});
  start(settings(server));
  ASSERT_TRUE(run_until([&] { return !link_->status().last_error.empty(); }));
  EXPECT_THAT(link_->status().last_error, HasSubstr("CHARTER_GATEWAY_DAEMON_TOKEN"));
}

TEST_F(LinkReconnect, AnswersThatAreNoHttpAreSurvived) {
  for (const std::string& bytes :
       {std::string("no http at all\r\n\r\n"), std::string("\0\0\0\0\r\n\r\n", 8),
        std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Accept: wrong\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nX: " + std::string(100'000, 'x') + "\r\n\r\n"}) {
    WsServer server({.answer_instead = bytes});
    start(settings(server));
    ASSERT_TRUE(run_until([&] { return link_->status().state == State::waiting; }));
    EXPECT_NE(link_->status().last_error, "");
    server.set_rules({});
    EXPECT_TRUE(run_until_up());
    link_.reset();
  }
}

TEST_F(LinkReconnect, OneAttemptIsBoundedInTime) {
  WsServer server({.answer_upgrade = false});
  auto made = settings(server);
  made.connect_timeout = milliseconds(200);
  start(made);
  const auto begun = Clock::now();
  ASSERT_TRUE(run_until([&] { return link_->status().state == State::waiting; }));
  EXPECT_GE(tests::since(begun), milliseconds(190));
  EXPECT_THAT(link_->status().last_error, HasSubstr("the gateway to answer the upgrade"));
  server.set_rules({});
  EXPECT_TRUE(run_until_up());
}

TEST_F(LinkReconnect, GatewayThatIsAwayIsTriedUntilItReturns) {
  WsServer server;
  server.stop_listening();
  start(settings(server));
  ASSERT_TRUE(run_until([&] { return link_->status().attempts >= 3; }));
  EXPECT_THAT(link_->status().last_error, HasSubstr("refused"));
  server.listen_again();
  ASSERT_TRUE(run_until_up());
  EXPECT_EQ(link_->status().attempts, 0U);
  EXPECT_EQ(link_->status().connections, 1U);
  EXPECT_THAT(client_.downs, IsEmpty());
}

TEST_F(LinkReconnect, LostConnectionIsToldAndReplaced) {
  WsServer server;
  start(settings(server));
  ASSERT_TRUE(run_until_up());
  server.reset();
  ASSERT_TRUE(run_until([&] { return client_.ups.size() == 2; }));
  EXPECT_EQ(client_.downs.size(), 1U);
  EXPECT_EQ(link_->status().connections, 2U);
}

TEST_F(LinkReconnect, NameThatDoesNotExistIsSaid) {
  start(settings("http://no-such-host.invalid:1"));
  ASSERT_TRUE(run_until([&] { return link_->status().state == State::waiting; }));
  EXPECT_THAT(link_->status().last_error, HasSubstr("no-such-host.invalid"));
}

TEST_F(LinkReconnect, NamesAreResolved) {
  WsServer server;
  start(settings("http://localhost:" + std::to_string(server.port())));
  ASSERT_TRUE(run_until_up());
  EXPECT_THAT(server.record(0).request,
              HasSubstr("Host: localhost:" + std::to_string(server.port())));
}

TEST_F(LinkReconnect, TokenIsNotSentInPlainToAPublicAddress) {
  auto made = settings("http://203.0.113.1:9");  // TEST-NET-3: public, and nobody's
  made.token = "t0ken";
  start(made);
  ASSERT_TRUE(run_until([&] { return link_->status().state == State::waiting; }));
  EXPECT_THAT(link_->status().last_error, HasSubstr("--insecure-token"));
  EXPECT_THAT(link_->status().last_error, HasSubstr("203.0.113.1"));
}

TEST_F(LinkReconnect, TokenThatNoHeaderCanCarryIsNotSent) {
  WsServer server;
  auto made = settings(server);
  made.token = "a\r\nX-Evil: 1";
  start(made);
  ASSERT_TRUE(run_until([&] { return link_->status().state == State::waiting; }));
  EXPECT_THAT(link_->status().last_error, HasSubstr("characters"));
  EXPECT_EQ(server.connections(), 0U);
}

// A tenth of the real size: 100 links, a delay of 100 ms, away for a second.
TEST_F(LinkReconnect, HundredLinksComeBackSpreadOut) {
  constexpr std::size_t kLinks = 100;
  constexpr milliseconds kDelay{100};
  constexpr milliseconds kOutage = 10 * kDelay;
  WsServer server;
  std::vector<std::unique_ptr<RecordingClient>> clients;
  std::vector<std::unique_ptr<Link>> links;
  const auto count_up = [&](std::size_t ups) {
    return std::count_if(clients.begin(), clients.end(), [&](const auto& client) {
             return client->ups.size() >= ups;
           }) == static_cast<std::ptrdiff_t>(kLinks);
  };
  for (std::size_t i = 0; i < kLinks; ++i) {
    auto made = settings(server);
    made.reconnect_delay = kDelay;
    clients.push_back(std::make_unique<RecordingClient>());
    links.push_back(std::make_unique<Link>(loop_.get_executor(), made, *clients.back()));
    links.back()->start();
  }
  ASSERT_TRUE(run_until([&] { return count_up(1); }));
  server.stop_listening();
  server.reset_all();
  run_for(kOutage);
  const std::size_t before = server.connections();
  const auto returned = Clock::now();
  server.listen_again();
  ASSERT_TRUE(run_until([&] { return count_up(2); }));
  const auto last = tests::since(returned);

  std::vector<Clock::time_point> times;
  for (std::size_t i = before; i < server.connections(); ++i) {
    times.push_back(server.record(i).accepted);
  }
  std::size_t densest = 0;
  for (std::size_t end = 0, first = 0; end < times.size(); ++end) {
    while (times[end] - times[first] > 10 * kDelay / 10) ++first;
    densest = std::max(densest, end - first + 1);
  }
  RecordProperty("back_after_ms", static_cast<int>(last.count()));
  RecordProperty("densest_tenth_of_a_second", static_cast<int>(densest));
  EXPECT_LE(last, 20 * kDelay + milliseconds(500));  // the half second is the machine's
  EXPECT_LE(densest, 70U);
  links.clear();
}

}  // namespace
}  // namespace charter::supervisor
