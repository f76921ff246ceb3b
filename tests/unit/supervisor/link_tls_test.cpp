// Encrypted connections, with real certificates against a real TLS server.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <fstream>

#include "ipc/unique_fd.h"
#include "supervisor/link/tls.h"
#include "tests/support/certificates.h"
#include "tests/support/ws_tls.h"
#include "tests/unit/supervisor/link_fixture.h"

namespace charter::supervisor {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using tests::KeyPair;
using tests::TestAuthority;
using tests::tls_streams;
using State = LinkStatus::State;

class LinkTls : public LinkTest {
 protected:
  static constexpr std::string_view kHere = "DNS:localhost,IP:127.0.0.1";

  static LinkSettings secure(const WsServer& server, const std::string& ca_file,
                             const std::string& host = "127.0.0.1") {
    LinkSettings made;
    made.gateway = *parse_gateway_address("https://" + host + ":" + std::to_string(server.port()));
    made.heartbeat = milliseconds(60'000);
    made.reconnect_delay = milliseconds(10'000);
    made.tls.ca_file = ca_file;
    return made;
  }
  // Starts a link that cannot get in and returns what it says.
  std::string refusal(LinkSettings made) {
    made.token = "t0ken";
    start(std::move(made));
    EXPECT_TRUE(run_until([&] { return link_->status().state == State::waiting; }));
    const std::string error = link_->status().last_error;
    link_.reset();
    return error;
  }

  TestAuthority authority_;
};

TEST_F(LinkTls, TalksToAGatewayWhoseNameAnAuthorityVouchesFor) {
  WsServer server({}, tls_streams({authority_.issue("gateway", kHere)}));
  auto made = secure(server, authority_.certificate(), "localhost");
  made.token = "t0ken";
  start(made);
  add_messages(2'000, 500);
  ASSERT_TRUE(run_until([&] { return client_.confirmed_messages == 2'000; }));
  EXPECT_EQ(tests::last_server_name(), "localhost");
  const WsRecord record = server.record(0);
  EXPECT_THAT(record.request, HasSubstr("\r\nAuthorization: Bearer t0ken\r\n"));
  EXPECT_THAT(record.faults, IsEmpty());
  const std::string large(1U << 20, 'x');
  server.send_text(large);
  ASSERT_TRUE(run_until([&] { return client_.texts.size() == 1; }));
  EXPECT_EQ(client_.texts[0], large);
  EXPECT_EQ(link_->status().warning, "");
}

TEST_F(LinkTls, AddressInTheCertificateIsVerifiedAndNotSentAsAName) {
  WsServer server({}, tls_streams({authority_.issue("gateway", kHere)}));
  start(secure(server, authority_.certificate(), "127.0.0.1"));
  ASSERT_TRUE(run_until_up());
  EXPECT_EQ(tests::last_server_name(), "");
}

TEST_F(LinkTls, SelfSignedCertificateIsRefused) {
  WsServer server({}, tls_streams({authority_.self_signed("gateway", kHere)}));
  const std::string error = refusal(secure(server, authority_.certificate()));
  EXPECT_THAT(error, HasSubstr("not accepted: self-signed certificate"));
  EXPECT_THAT(error, HasSubstr("--ca-file"));
  EXPECT_EQ(server.upgrades(), 0U);
}

TEST_F(LinkTls, AuthorityThatIsNotTrustedIsRefused) {
  TestAuthority other;
  WsServer server({}, tls_streams({other.issue("gateway", kHere)}));
  EXPECT_THAT(refusal(secure(server, authority_.certificate())), HasSubstr("issuer"));
  // Nor does the system's store know it.
  EXPECT_THAT(refusal(secure(server, "")), HasSubstr("issuer"));
  EXPECT_EQ(server.upgrades(), 0U);
}

TEST_F(LinkTls, WrongNameOrAddressIsRefused) {
  WsServer wrong_name({}, tls_streams({authority_.issue("a", "DNS:other.example")}));
  EXPECT_THAT(refusal(secure(wrong_name, authority_.certificate(), "localhost")),
              HasSubstr("hostname mismatch"));
  WsServer wrong_address({}, tls_streams({authority_.issue("b", "IP:127.0.0.2")}));
  EXPECT_THAT(refusal(secure(wrong_address, authority_.certificate())),
              HasSubstr("IP address mismatch"));
  // A name is no address, and the subject's common name is nothing.
  WsServer only_name({}, tls_streams({authority_.issue("c", "DNS:localhost")}));
  EXPECT_THAT(refusal(secure(only_name, authority_.certificate())),
              HasSubstr("IP address mismatch"));
  WsServer common_name({}, tls_streams({authority_.issue("localhost", "")}));
  EXPECT_THAT(refusal(secure(common_name, authority_.certificate(), "localhost")),
              HasSubstr("hostname mismatch"));
}

TEST_F(LinkTls, ExpiredCertificateIsRefused) {
  WsServer server({}, tls_streams({authority_.issue("gateway", kHere, -1)}));
  EXPECT_THAT(refusal(secure(server, authority_.certificate())), HasSubstr("has expired"));
}

TEST_F(LinkTls, VersionsBefore12AreRefused) {
  const KeyPair identity = authority_.issue("gateway", kHere);
  WsServer old({}, tls_streams({identity, "", TLS1_1_VERSION}));
  EXPECT_THAT(refusal(secure(old, authority_.certificate())), HasSubstr("TLS handshake"));
  EXPECT_EQ(old.upgrades(), 0U);
  WsServer still_good({}, tls_streams({identity, "", TLS1_2_VERSION}));
  start(secure(still_good, authority_.certificate()));
  EXPECT_TRUE(run_until_up());
}

TEST_F(LinkTls, ClientCertificateIsShownToAGatewayThatWantsOne) {
  WsServer server({}, tls_streams({authority_.issue("gateway", kHere), authority_.certificate()}));
  EXPECT_THAT(refusal(secure(server, authority_.certificate())), HasSubstr("certificate"));
  EXPECT_EQ(server.upgrades(), 0U);

  const KeyPair identity = authority_.issue("daemon", "");
  auto made = secure(server, authority_.certificate());
  made.tls.client_certificate = identity.certificate;
  made.tls.client_key = identity.key;
  start(made);
  EXPECT_TRUE(run_until_up());
  link_.reset();

  // Certificate and key in one file.
  const std::string both = authority_.path("both.pem");
  std::ofstream(both) << tests::read_file(identity.certificate) << tests::read_file(identity.key);
  made.tls.client_certificate = both;
  made.tls.client_key = "";
  start(made);
  EXPECT_TRUE(run_until_up());
}

TEST_F(LinkTls, FilesThatChangeCountFromTheNextConnection) {
  WsServer server({}, tls_streams({authority_.issue("gateway", kHere)}));
  const std::string trusted = authority_.path("trusted.pem");
  TestAuthority other;
  tests::write_file(trusted, tests::read_file(other.certificate()));
  auto made = secure(server, trusted);
  made.reconnect_delay = milliseconds(20);
  start(made);
  ASSERT_TRUE(run_until([&] { return link_->status().state == State::waiting; }));
  EXPECT_THAT(link_->status().last_error, HasSubstr("issuer"));
  tests::write_file(trusted, tests::read_file(authority_.certificate()));
  EXPECT_TRUE(run_until_up());
}

TEST_F(LinkTls, PlainServerIsSaidToBeNone) {
  WsServer plain;
  auto made = secure(plain, authority_.certificate());
  made.connect_timeout = milliseconds(500);  // it may just wait for more
  EXPECT_THAT(refusal(made), HasSubstr("TLS handshake"));
  EXPECT_EQ(plain.upgrades(), 0U);
}

TEST_F(LinkTls, HandshakeThatHangsIsBounded) {
  // The kernel accepts for a listener that never does, and nobody ever answers the handshake.
  const ipc::UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in place{};
  place.sin_family = AF_INET;
  place.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof place;
  ASSERT_EQ(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&place), size), 0);
  ASSERT_EQ(::listen(listener.get(), 8), 0);
  ASSERT_EQ(::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&place), &size), 0);
  WsServer server({}, tls_streams({authority_.issue("gateway", kHere)}));
  auto made = secure(server, authority_.certificate());
  made.gateway.port = ntohs(place.sin_port);
  made.connect_timeout = milliseconds(200);
  const auto begun = Clock::now();
  EXPECT_THAT(refusal(made), HasSubstr("TLS handshake"));
  EXPECT_LT(tests::since(begun), milliseconds(2'000));
}

TEST_F(LinkTls, FrozenGatewayIsNoticedAndStopIsQuick) {
  WsServer server({}, tls_streams({authority_.issue("gateway", kHere)}));
  auto made = secure(server, authority_.certificate());
  made.heartbeat = milliseconds(200);
  made.reconnect_delay = milliseconds(20);
  start(made);
  ASSERT_TRUE(run_until([&] { return client_.confirmations.size() == 1; }));
  server.freeze();
  ASSERT_TRUE(run_until([&] { return client_.downs.size() == 1; }));
  EXPECT_THAT(client_.downs[0], HasSubstr("silent"));
  server.thaw();
  ASSERT_TRUE(run_until([&] { return client_.ups.size() == 2; }));
  bool stopped = false;
  link_->stop([&] { stopped = true; });
  ASSERT_TRUE(run_until([&] { return stopped; }, milliseconds(1'000)));
}

TEST_F(LinkTls, ConnectionThatEndsIsReplaced) {
  WsServer server({}, tls_streams({authority_.issue("gateway", kHere)}));
  auto made = secure(server, authority_.certificate());
  made.reconnect_delay = milliseconds(20);
  start(made);
  ASSERT_TRUE(run_until_up());
  server.send_close(1012, "restarting");
  ASSERT_TRUE(run_until([&] { return client_.ups.size() == 2; }));
  EXPECT_EQ(client_.downs[0], "closed by the gateway with code 1012: restarting");
  ASSERT_TRUE(run_until([&] { return server.upgrades() == 2; }));
  server.reset();
  ASSERT_TRUE(run_until([&] { return client_.ups.size() == 3; }));
}

TEST_F(LinkTls, FilesThatCannotBeUsedAreNamed) {
  const KeyPair one = authority_.issue("one", "");
  const KeyPair two = authority_.issue("two", "");
  EXPECT_EQ(tls_problem({}), "");
  EXPECT_EQ(tls_problem({authority_.certificate(), one.certificate, one.key}), "");
  EXPECT_THAT(tls_problem({"/nowhere.pem", "", ""}), HasSubstr("CA file /nowhere.pem"));
  EXPECT_THAT(tls_problem({one.key, "", ""}), HasSubstr("CA file"));
  EXPECT_THAT(tls_problem({"", "/nowhere.pem", ""}), HasSubstr("client certificate /nowhere.pem"));
  EXPECT_THAT(tls_problem({"", one.certificate, "/nowhere.key"}), HasSubstr("client key"));
  EXPECT_THAT(tls_problem({"", one.certificate, two.key}), HasSubstr("client key " + two.key));
  EXPECT_THAT(tls_problem({"", "", one.key}), HasSubstr("needs a client certificate"));
}

}  // namespace
}  // namespace charter::supervisor
