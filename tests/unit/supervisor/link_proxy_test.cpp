// The way through a proxy, and the token in a file.
#include "supervisor/link/proxy.h"

#include <cstdlib>
#include <map>

#include "supervisor/link/credentials.h"
#include "tests/support/certificates.h"
#include "tests/support/connect_proxy.h"
#include "tests/support/files.h"
#include "tests/support/ws_tls.h"
#include "tests/unit/supervisor/link_fixture.h"

namespace charter::supervisor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using tests::ConnectProxy;
using State = LinkStatus::State;

// "host:port", "-" for no proxy, or the error.
std::string way_to(const char* gateway, const std::map<std::string, std::string>& variables) {
  const auto proxy = proxy_for(*parse_gateway_address(gateway), [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? std::nullopt : std::optional(found->second);
  });
  if (!proxy) return "error: " + proxy.error().message();
  if (!*proxy) return "-";
  return (*proxy)->host + ":" + std::to_string((*proxy)->port) +
         ((*proxy)->credentials.empty() ? "" : " as " + (*proxy)->credentials);
}

TEST(Proxy, IsChosenByTheGatewaysSchemeAndTheUsualVariables) {
  EXPECT_EQ(way_to("https://gw.example", {}), "-");
  EXPECT_EQ(way_to("https://gw.example", {{"HTTPS_PROXY", "http://p:3128"}}), "p:3128");
  EXPECT_EQ(way_to("http://gw.example", {{"HTTPS_PROXY", "http://p:3128"}}), "-");
  EXPECT_EQ(way_to("http://gw.example", {{"http_proxy", "p:1"}, {"HTTP_PROXY", "q:2"}}), "p:1");
  EXPECT_EQ(way_to("https://gw.example", {{"ALL_PROXY", "http://p"}}), "p:80");
  EXPECT_EQ(way_to("https://gw.example", {{"HTTPS_PROXY", " "}, {"ALL_PROXY", "p:9"}}), "p:9");
  EXPECT_EQ(way_to("https://gw.example", {{"HTTPS_PROXY", "http://u:p%40w@p:3128/"}}),
            "p:3128 as u:p@w");
  EXPECT_EQ(way_to("https://gw.example", {{"HTTPS_PROXY", "http://[::1]:3128"}}), "::1:3128");
}

TEST(Proxy, IsNeverUsedForThisMachine) {
  for (const char* gateway : {"http://127.0.0.1:8765", "http://localhost", "https://[::1]:1"}) {
    EXPECT_EQ(way_to(gateway, {{"HTTP_PROXY", "p:1"}, {"HTTPS_PROXY", "p:1"}}), "-") << gateway;
  }
}

TEST(Proxy, ErrorsNameTheVariableAndNotItsValue) {
  EXPECT_EQ(way_to("https://gw.example", {{"HTTPS_PROXY", "socks5://user:secret@p:1"}}),
            "error: HTTPS_PROXY names a proxy of the kind 'socks5'; only http proxies are "
            "supported");
  const auto error = way_to("https://gw.example", {{"https_proxy", "http://user:secret@p:port"}});
  EXPECT_THAT(error, HasSubstr("error: https_proxy"));
  EXPECT_EQ(error.find("secret"), std::string::npos);
}

TEST(Proxy, ExemptionsAreNamesDomainsAddressesAndNetworks) {
  const auto exempt = [](std::string_view list, std::string_view host) {
    return is_exempt(list, host, 8443);
  };
  for (const char* list : {"*", "gw.example", "x, gw.example ,y", ".example", "example",
                           "*.example", "GW.Example", "gw.example:8443"}) {
    EXPECT_TRUE(exempt(list, "gw.example")) << list;
  }
  for (const char* list : {"", ",", "w.example", "other.example", "gw.example:80", "gw.example.org",
                           "10.0.0.0/8", "ample"}) {
    EXPECT_FALSE(exempt(list, "gw.example")) << list;
  }
  for (const char* list : {"10.1.2.3", "10.0.0.0/8", "10.1.2.3:8443", "127.0.0.1,10.1.0.0/16"}) {
    EXPECT_TRUE(exempt(list, "10.1.2.3")) << list;
  }
  for (const char* list : {"10.1.2.4", "11.0.0.0/8", "2.3", "10.1.2.3:1", "10.1.2.3/33"}) {
    EXPECT_FALSE(exempt(list, "10.1.2.3")) << list;
  }
  EXPECT_TRUE(exempt("fd00::/8", "fd00::1"));
  EXPECT_TRUE(exempt("[fd00::1]:8443", "fd00::1"));
  EXPECT_TRUE(exempt("fd00:0::1", "fd00::1"));
  EXPECT_FALSE(exempt("fd00::/8", "fe80::1"));
}

// ---- real sockets ----

// Sets a variable of this process for the time of a test.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name) {
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() { ::unsetenv(name_); }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  const char* name_;
};

class LinkProxy : public LinkTest {
 protected:
  static std::string proxy_url(const ConnectProxy& proxy, const std::string& user = "") {
    return "http://" + user + "127.0.0.1:" + std::to_string(proxy.port());
  }
  std::string refusal(LinkSettings made) {
    made.reconnect_delay = milliseconds(10'000);
    start(std::move(made));
    EXPECT_TRUE(run_until([&] { return link_->status().state == State::waiting; }));
    return link_->status().last_error;
  }
};

TEST_F(LinkProxy, PlainGatewayIsReachedThroughATunnel) {
  WsServer server;
  ConnectProxy proxy(server.port());
  const Variable variable("HTTP_PROXY", proxy_url(proxy));
  start(settings("http://gateway.example:8765"));
  add_messages(10);
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 10; }));
  ASSERT_THAT(proxy.requests(), SizeIs(1));
  EXPECT_TRUE(proxy.requests()[0].starts_with(
      "CONNECT gateway.example:8765 HTTP/1.1\r\nHost: gateway.example:8765\r\n"));
  EXPECT_THAT(server.record(0).request, HasSubstr("\r\nHost: gateway.example:8765\r\n"));
  link_.reset();
}

TEST_F(LinkProxy, EncryptedGatewayIsReachedThroughATunnelAndVerified) {
  tests::TestAuthority authority;
  WsServer server({}, tests::tls_streams({authority.issue("gateway", "DNS:gateway.example")}));
  ConnectProxy proxy(server.port());
  const Variable variable("https_proxy", proxy_url(proxy, "user:pass@"));
  auto made = settings("https://gateway.example");
  made.tls.ca_file = authority.certificate();
  made.token = "t0ken";
  start(made);
  ASSERT_TRUE(run_until_up());
  ASSERT_THAT(proxy.requests(), SizeIs(1));
  EXPECT_TRUE(proxy.requests()[0].starts_with("CONNECT gateway.example:443 HTTP/1.1\r\n"));
  EXPECT_THAT(proxy.requests()[0], HasSubstr("Proxy-Authorization: Basic dXNlcjpwYXNz\r\n"));
  EXPECT_EQ(proxy.requests()[0].find("t0ken"), std::string::npos);
  EXPECT_EQ(tests::last_server_name(), "gateway.example");
  link_.reset();
}

TEST_F(LinkProxy, RefusalsOfTheProxyAreNamed) {
  ConnectProxy proxy(1);
  const Variable variable("HTTP_PROXY", proxy_url(proxy));
  const std::string who = "proxy 127.0.0.1:" + std::to_string(proxy.port()) + ": ";
  proxy.answer_instead("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(refusal(settings("http://gateway.example")),
            who + "it wants a user and password (407)");
  proxy.answer_instead("HTTP/1.0 403 Forbidden\r\n\r\n");
  EXPECT_EQ(refusal(settings("http://gateway.example")), who + "it answered 403");
  proxy.answer_instead("nonsense\r\n\r\n");
  EXPECT_EQ(refusal(settings("http://gateway.example")), who + "its answer is no HTTP");
  proxy.answer_instead("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 Switching Protocols\r\n\r\n");
  EXPECT_EQ(refusal(settings("http://gateway.example")), who + "it sent more than its answer");
  proxy.answer_instead(std::string(100'000, 'x'));
  EXPECT_EQ(refusal(settings("http://gateway.example")), who + "its answer is too long");
  link_.reset();
}

TEST_F(LinkProxy, TokenIsNotSentInPlainThroughAProxyThatLooksTheNameUp) {
  WsServer server;
  ConnectProxy proxy(server.port());
  const Variable variable("HTTP_PROXY", proxy_url(proxy));
  auto made = settings("http://gateway.example");
  made.token = "t0ken";
  EXPECT_THAT(refusal(made), HasSubstr("--insecure-token"));
  EXPECT_THAT(proxy.requests(), IsEmpty());
  made.insecure_token = true;
  start(made);
  ASSERT_TRUE(run_until_up());
  EXPECT_THAT(link_->status().warning, HasSubstr("unencrypted"));
  link_.reset();
}

TEST_F(LinkProxy, ExemptGatewayIsReachedDirectly) {
  WsServer server;
  ConnectProxy proxy(server.port());
  const Variable variable("HTTP_PROXY", proxy_url(proxy));
  // An old way to write 127.0.0.1 that only the resolver knows, so nothing but the list exempts it.
  const Variable exempt("NO_PROXY", "127.1");
  start(settings("http://127.1:" + std::to_string(server.port())));
  ASSERT_TRUE(run_until_up());
  EXPECT_THAT(proxy.requests(), IsEmpty());
  link_.reset();
}

// ---- the token in a file ----

TEST_F(LinkProxy, TokenFileIsReadAnewAtEachConnection) {
  tests::TempDir directory;
  const std::string path = directory / "token";
  WsServer server;
  auto made = settings(server);
  made.token = "not this one";
  made.token_file = path;
  tests::write_file(path, "first\n");
  start(made);
  ASSERT_TRUE(run_until_up());
  EXPECT_THAT(server.record(0).request, HasSubstr("\r\nAuthorization: Bearer first\r\n"));
  tests::write_file(path, "  second \r\n");
  server.reset();
  ASSERT_TRUE(run_until([&] { return client_.ups.size() == 2; }));
  EXPECT_THAT(server.record(1).request, HasSubstr("\r\nAuthorization: Bearer second\r\n"));
  // Gone: no connection without it, and one again when it is back.
  ::unlink(path.c_str());
  server.reset();
  ASSERT_TRUE(run_until([&] { return link_->status().last_error.starts_with("token file"); }));
  EXPECT_EQ(server.connections(), 2U);
  tests::write_file(path, "third");
  ASSERT_TRUE(run_until([&] { return client_.ups.size() == 3; }));
}

TEST(TokenFile, IsRefusedWithoutQuotingIt) {
  tests::TempDir directory;
  const std::string path = directory / "token";
  const auto refusal = [&](std::string_view bytes) {
    tests::write_file(path, bytes);
    const auto read = read_token_file(path);
    return read ? "accepted " + *read : read.error().message();
  };
  EXPECT_EQ(refusal("  secret\t\n"), "accepted secret");
  EXPECT_THAT(refusal(""), HasSubstr(path + ": empty"));
  EXPECT_THAT(refusal(" \n"), HasSubstr(path + ": empty"));
  EXPECT_THAT(refusal("sec\nret"), HasSubstr("characters"));
  EXPECT_EQ(refusal("sec\nret").find("sec\nret"), std::string::npos);
  EXPECT_THAT(refusal(std::string(9'000, 'x')), HasSubstr("longer than 8192 bytes"));
  EXPECT_THAT(read_token_file(directory.path()).error().message(), HasSubstr("not a regular file"));
  EXPECT_THAT(read_token_file(directory / "none").error().message(), HasSubstr("No such file"));
}

}  // namespace
}  // namespace charter::supervisor
