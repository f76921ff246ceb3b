// The value of --gateway, and which addresses may see the token unencrypted.
#include "supervisor/link/gateway_address.h"

#include <gtest/gtest.h>

#include <boost/asio/ip/address.hpp>
#include <string>

namespace charter::supervisor {
namespace {

std::string refusal_of(std::string_view text) {
  const auto parsed = parse_gateway_address(text);
  return parsed ? "accepted as " + parsed->url : parsed.error().message();
}

GatewayAddress accepted(std::string_view text) {
  const auto parsed = parse_gateway_address(text);
  if (!parsed) {
    ADD_FAILURE() << text << ": " << parsed.error().message();
    return {};
  }
  return *parsed;
}

TEST(GatewayAddress, TurnsAnHttpAddressIntoTheWorkersWebSocket) {
  const auto gateway = accepted("http://127.0.0.1:8765");
  EXPECT_EQ(gateway.url, "ws://127.0.0.1:8765/daemon");
  EXPECT_EQ(gateway.host, "127.0.0.1");
  EXPECT_EQ(gateway.port, 8765);
  EXPECT_EQ(gateway.host_header, "127.0.0.1:8765");
  EXPECT_EQ(gateway.target, "/daemon");
  EXPECT_FALSE(gateway.tls);
}

TEST(GatewayAddress, AcceptsWhatTheReferenceAccepts) {
  struct Case {
    std::string_view given, url, host, host_header;
    std::uint16_t port;
  };
  for (const Case& it : {
           Case{"https://gw.example.com", "wss://gw.example.com/daemon", "gw.example.com",
                "gw.example.com", 443},
           Case{"wss://a:1/", "wss://a:1/daemon", "a", "a:1", 1},
           Case{"https://a:80", "wss://a:80/daemon", "a", "a:80", 80},
           Case{"ws://a", "ws://a/daemon", "a", "a", 80},
           Case{"HTTP://A.Example:80", "ws://A.Example:80/daemon", "a.example", "a.example", 80},
           Case{"http://a/", "ws://a/daemon", "a", "a", 80},
           Case{"http://a?", "ws://a/daemon", "a", "a", 80},
           Case{"http://a#", "ws://a/daemon", "a", "a", 80},
           Case{"http://h?#", "ws://h/daemon", "h", "h", 80},
           Case{"http://a/;p", "ws://a/daemon", "a", "a", 80},
           Case{"http://h:", "ws://h:/daemon", "h", "h", 80},
           Case{"http://h:080", "ws://h:080/daemon", "h", "h", 80},
           Case{" \x01http://a\n", "ws://a/daemon", "a", "a", 80},
           Case{"h\nttp://a", "ws://a/daemon", "a", "a", 80},
           Case{"http://A_B.c:1", "ws://A_B.c:1/daemon", "a_b.c", "a_b.c:1", 1},
           Case{"http://[::1]:99", "ws://[::1]:99/daemon", "::1", "[::1]:99", 99},
           Case{"http://[fe80::1%eth0]:1", "ws://[fe80::1%eth0]:1/daemon", "fe80::1%eth0",
                "[fe80::1]:1", 1},
       }) {
    const auto gateway = accepted(it.given);
    EXPECT_EQ(gateway.url, it.url) << it.given;
    EXPECT_EQ(gateway.host, it.host) << it.given;
    EXPECT_EQ(gateway.host_header, it.host_header) << it.given;
    EXPECT_EQ(gateway.port, it.port) << it.given;
    EXPECT_EQ(gateway.tls, it.url.starts_with("wss:")) << it.given;
  }
}

TEST(GatewayAddress, RefusesInTheReferencesWords) {
  const std::string scheme = "; use http, https, ws, or wss";
  EXPECT_EQ(refusal_of("ftp://x"), "unsupported scheme 'ftp'" + scheme);
  EXPECT_EQ(refusal_of("127.0.0.1:8765"), "unsupported scheme ''" + scheme);
  EXPECT_EQ(refusal_of("localhost:8765"), "unsupported scheme 'localhost'" + scheme);
  EXPECT_EQ(refusal_of(""), "unsupported scheme ''" + scheme);
  EXPECT_EQ(refusal_of("1http://a"), "unsupported scheme ''" + scheme);
  EXPECT_EQ(refusal_of("HTTP+unix://a"), "unsupported scheme 'http+unix'" + scheme);
  const std::string host = "must include a host (e.g. http://127.0.0.1:8765)";
  EXPECT_EQ(refusal_of("http://"), host);
  EXPECT_EQ(refusal_of("http:"), host);
  EXPECT_EQ(refusal_of("http:///x"), host);
  const std::string path = "must not include a path; the daemon appends the worker endpoint itself";
  EXPECT_EQ(refusal_of("http://a/b"), path);
  EXPECT_EQ(refusal_of("http://a//"), path);
  EXPECT_EQ(refusal_of("ws://a/;p"), path);
  const std::string query = "must not include a query string or fragment";
  EXPECT_EQ(refusal_of("http://a?x=1"), query);
  EXPECT_EQ(refusal_of("http://a/#f"), query);
  EXPECT_EQ(refusal_of("http://h/?q#f"), query);
}

// The reference takes these and then fails at every attempt to connect.
TEST(GatewayAddress, RefusesAtStartWhatCouldNeverConnect) {
  for (const std::string_view text :
       {"http://h:99999", "http://h:abc", "http://h:-1", "http://h:0", "http://::1", "http://[::1",
        "http://[::1]x", "http://[1.2.3.4]", "http://[]", "http://a b", "http://a\\b", "http://:80",
        "http://user@", "http://a]", "http://\xC3\xA9.com", "http://a;p", "http://a%20b"}) {
    EXPECT_TRUE(refusal_of(text).starts_with("must ")) << text << ": " << refusal_of(text);
  }
}

TEST(GatewayAddress, KeepsTheUrlsPasswordOutOfWhatIsShown) {
  const auto gateway = accepted("http://user:p%40ss@h:1");
  EXPECT_EQ(gateway.credentials, "user:p@ss");
  EXPECT_EQ(gateway.url, "ws://h:1/daemon");
  EXPECT_EQ(gateway.host_header, "h:1");
  EXPECT_EQ(accepted("http://user@h").credentials, "user:");
  EXPECT_EQ(accepted("http://a@b:c@h").credentials, "a@b:c");
  EXPECT_EQ(refusal_of("http://user:secret@h:x").find("secret"), std::string::npos);
}

TEST(GatewayAddress, TellsLoopbackPrivateAndPublicApart) {
  const auto reach = [](const char* text) { return reach_of(boost::asio::ip::make_address(text)); };
  for (const char* text : {"127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"}) {
    EXPECT_EQ(reach(text), Reach::loopback) << text;
  }
  for (const char* text : {"10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.1.1",
                           "100.64.0.1", "fd00::1", "fe80::1", "::ffff:10.1.1.1"}) {
    EXPECT_EQ(reach(text), Reach::private_network) << text;
  }
  for (const char* text : {"8.8.8.8", "172.32.0.1", "172.15.255.255", "192.169.0.1", "11.0.0.1",
                           "100.128.0.1", "2001:db8::1", "::ffff:8.8.8.8"}) {
    EXPECT_EQ(reach(text), Reach::public_network) << text;
  }
}

TEST(GatewayAddress, KnowsTheReachOfLiteralAddressesAndLocalhostOnly) {
  EXPECT_EQ(known_reach(accepted("http://127.0.0.1")), Reach::loopback);
  EXPECT_EQ(known_reach(accepted("http://localhost:1")), Reach::loopback);
  EXPECT_EQ(known_reach(accepted("http://[fd00::1]")), Reach::private_network);
  EXPECT_EQ(known_reach(accepted("http://8.8.8.8")), Reach::public_network);
  EXPECT_EQ(known_reach(accepted("http://gateway")), std::nullopt);
}

TEST(GatewayAddress, LetsTheTokenTravelPlainOnlyWhereItMay) {
  const auto gateway = accepted("http://h");
  EXPECT_EQ(token_rule(gateway, Reach::loopback, false), TokenRule::send);
  EXPECT_EQ(token_rule(gateway, Reach::private_network, false), TokenRule::send_with_warning);
  EXPECT_EQ(token_rule(gateway, Reach::public_network, false), TokenRule::refuse);
  EXPECT_EQ(token_rule(gateway, Reach::public_network, true), TokenRule::send_with_warning);
  EXPECT_NE(token_refusal("8.8.8.8").find("--insecure-token"), std::string::npos);
  GatewayAddress encrypted = gateway;
  encrypted.tls = true;
  EXPECT_EQ(token_rule(encrypted, Reach::public_network, false), TokenRule::send);
}

}  // namespace
}  // namespace charter::supervisor
