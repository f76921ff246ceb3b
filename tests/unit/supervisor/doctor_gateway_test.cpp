// doctor on the way to a gateway: where it ends, why, and that it ends.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <array>
#include <fstream>

#include "supervisor/doctor/doctor.h"
#include "supervisor/doctor/probe_net.h"
#include "supervisor/doctor/subject.h"
#include "tests/support/certificates.h"
#include "tests/support/connect_proxy.h"
#include "tests/support/files.h"
#include "tests/support/wait.h"
#include "tests/support/ws_server.h"
#include "tests/support/ws_tls.h"

namespace charter::supervisor {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using tests::ConnectProxy;
using tests::TestAuthority;
using tests::tls_streams;
using tests::WsRules;
using tests::WsServer;

constexpr std::string_view kHere = "DNS:localhost,IP:127.0.0.1";

class DoctorGateway : public ::testing::Test {
 protected:
  void TearDown() override {
    for (const char* name : {"http_proxy", "https_proxy", "no_proxy"}) ::unsetenv(name);
  }
  // What the check of that name found, as "state: what"; empty: it was not come to.
  std::string found(const Report& report, std::string_view name) const {
    for (const Check& one : report.checks()) {
      if (one.name != name) continue;
      EXPECT_EQ(one.health == Health::ok, one.remedy.empty()) << "a remedy where it is wanted";
      return std::string(name_of(one.health)) + ": " + one.what;
    }
    return {};
  }
  Report examined(std::vector<std::string> arguments) const {
    std::vector<char*> words;
    for (std::string& argument : arguments) words.push_back(argument.data());
    Subject subject;
    subject.values = ipc::read_options(doctor_command(), words).value();
    Report report;
    check_gateway(subject, report);
    return report;
  }
  std::string url(const char* scheme, const WsServer& server,
                  const char* host = "127.0.0.1") const {
    return std::string(scheme) + "://" + host + ":" + std::to_string(server.port());
  }
  std::string token_file(const std::string& text, mode_t mode) {
    const std::string path = directory / "token";
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }

  tests::TempDir directory{"charter-doctor"};
};

TEST_F(DoctorGateway, AWayThatLeadsAllTheWay) {
  WsServer server;
  const Report report = examined({"--gateway", url("http", server)});
  EXPECT_FALSE(report.failed()) << report.text({});
  EXPECT_EQ(found(report, "dns"), "ok: 127.0.0.1 is 127.0.0.1");
  EXPECT_THAT(found(report, "tcp"), HasSubstr("ok: "));
  EXPECT_EQ(found(report, "upgrade"), "ok: the gateway lets this daemon in");
  EXPECT_EQ(found(report, "tls"), "") << "unencrypted";
}

// Certificates whose end is near, past, and of nobody known.
TEST_F(DoctorGateway, HowLongCertificatesAreStillValid) {
  TestAuthority authority;
  const auto tls_of = [&](const tests::KeyPair& identity) {
    WsServer server({}, tls_streams({identity}));
    const Report report = examined(
        {"--gateway", url("https", server, "localhost"), "--ca-file", authority.certificate()});
    return found(report, "tls");
  };
  EXPECT_THAT(tls_of(authority.issue("gateway", kHere, 3)), HasSubstr("warn: TLSv1.3, its cert"));
  EXPECT_THAT(tls_of(authority.issue("gateway", kHere, 3)), HasSubstr("valid for "));
  EXPECT_THAT(tls_of(authority.issue("gateway", kHere, -1)), HasSubstr("fail: "));
  EXPECT_THAT(tls_of(authority.issue("gateway", kHere, -1)), HasSubstr("expired"));
  EXPECT_THAT(tls_of(authority.self_signed("gateway", kHere)), HasSubstr("not accepted"));
  EXPECT_THAT(tls_of(authority.issue("gateway", "DNS:elsewhere.example")), HasSubstr("mismatch"));
}

TEST_F(DoctorGateway, AGatewayThatSaysNothingIsNotWaitedFor) {
  WsRules rules;
  rules.answer_upgrade = false;
  WsServer silent(rules);
  const auto begun = tests::Clock::now();
  const Report plain = examined({"--gateway", url("http", silent), "--connect-timeout", "0.3"});
  EXPECT_EQ(found(plain, "upgrade"), "fail: receive: no answer in time");
  const Report tls = examined({"--gateway", url("https", silent), "--connect-timeout", "0.3"});
  EXPECT_EQ(found(tls, "tls"), "fail: TLS handshake: no answer in time");
  EXPECT_LT(tests::since(begun), tests::kSoon);
}

// A socket whose queue is full, so that what comes is dropped without a word.
class BlackHole {
 public:
  BlackHole() {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    EXPECT_EQ(::bind(listener_.get(), place(), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 0), 0);
    EXPECT_EQ(::getsockname(listener_.get(), place(), &size), 0);
    for (const ipc::UniqueFd& one : waiting_) (void)::connect(one.get(), place(), size);
  }
  [[nodiscard]] std::uint16_t port() const { return ntohs(address_.sin_port); }

 private:
  static ipc::UniqueFd stream() {
    return ipc::UniqueFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  }
  sockaddr* place() { return reinterpret_cast<sockaddr*>(&address_); }

  sockaddr_in address_{};
  ipc::UniqueFd listener_ = stream();
  std::array<ipc::UniqueFd, 4> waiting_{stream(), stream(), stream(), stream()};
};

// An address that swallows everything, as an IPv6 one often does, is not the only one.
TEST(ProbeNet, AnAddressThatSwallowsEverythingLeavesTheNextItsTime) {
  const BlackHole nowhere;
  WsServer server;
  const Deadline soon(tests::kSoon);
  auto addresses = look_up("127.0.0.1", nowhere.port(), soon).value();
  const auto good = look_up("127.0.0.1", server.port(), soon).value();
  addresses.insert(addresses.end(), good.begin(), good.end());
  const Deadline deadline(tests::kSoon / 10);
  const auto socket = connect_to(addresses, deadline);
  EXPECT_TRUE(socket) << socket.error().message();
  EXPECT_GT(deadline.left(), 0);
}

TEST_F(DoctorGateway, WhereNobodyListensAndWhereNoGatewayIs) {
  WsServer server;
  const std::string gone = url("http", server);
  server.stop_listening();
  EXPECT_THAT(found(examined({"--gateway", gone}), "tcp"), HasSubstr("Connection refused"));
  WsRules rules;
  rules.answer_instead = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
  WsServer other(rules);
  EXPECT_EQ(found(examined({"--gateway", url("http", other)}), "upgrade"),
            "fail: HTTP/1.1 404 Not Found");
  EXPECT_THAT(found(examined({"--gateway", "http://no-such-host.invalid"}), "dns"),
              HasSubstr("fail: look up no-such-host.invalid"));
  EXPECT_THAT(found(examined({"--gateway", "gopher://x"}), "gateway"), HasSubstr("fail: "));
}

TEST_F(DoctorGateway, TheTokenIsTriedAndNeverShown) {
  WsServer server;
  const std::string closed = token_file("s3cret-of-a-test\n", 0600);
  Report report = examined({"--gateway", url("http", server), "--token-file", closed});
  EXPECT_THAT(found(report, "token"), HasSubstr("mode 0600"));
  EXPECT_THAT(server.record(0).request, HasSubstr("Authorization: Bearer s3cret-of-a-test\r\n"));
  EXPECT_THAT(report.json() + report.text({}), Not(HasSubstr("s3cret")));

  report = examined({"--gateway", url("http", server), "--token-file", token_file("x", 0644)});
  EXPECT_THAT(found(report, "token"), HasSubstr("warn: "));
  report = examined({"--gateway", url("http", server), "--token-file", directory / "none"});
  EXPECT_THAT(found(report, "token"), HasSubstr("fail: "));

  WsRules rules;
  rules.answer_instead = "HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n";
  server.set_rules(rules);
  report = examined({"--gateway", url("http", server), "--token-file", token_file("x", 0600)});
  EXPECT_THAT(found(report, "upgrade"), HasSubstr("the token is not accepted"));
  report = examined({"--gateway", url("http", server)});
  EXPECT_THAT(found(report, "upgrade"), HasSubstr("the gateway wants a token"));
}

// The time in the gateway's answer, far from this host's or not.
TEST_F(DoctorGateway, ClocksAreCompared) {
  const auto clock_at = [this](std::time_t time) {
    std::array<char, 64> text{};
    std::tm parts{};
    ::gmtime_r(&time, &parts);
    std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    WsRules rules;
    rules.answer_instead =
        std::string("HTTP/1.1 503 Busy\r\ndate: ") + text.data() + "\r\nContent-Length: 0\r\n\r\n";
    WsServer server(rules);
    return found(examined({"--gateway", url("http", server)}), "clock");
  };
  EXPECT_EQ(clock_at(std::time(nullptr)), "ok: within 5 s of the gateway's");
  EXPECT_THAT(clock_at(std::time(nullptr) + 3600), HasSubstr("s ahead of this host's"));
  EXPECT_THAT(clock_at(std::time(nullptr) - 3600), HasSubstr("warn: the gateway's clock is 360"));
}

TEST_F(DoctorGateway, AProxyIsPartOfTheWay) {
  TestAuthority authority;
  WsServer server({}, tls_streams({authority.issue("gateway", "DNS:gateway.example", 90)}));
  ConnectProxy proxy(server.port());
  ::setenv("https_proxy", ("http://127.0.0.1:" + std::to_string(proxy.port())).c_str(), 1);
  const std::vector<std::string> arguments{"--gateway", "https://gateway.example", "--ca-file",
                                           authority.certificate()};
  Report report = examined(arguments);
  EXPECT_FALSE(report.failed()) << report.text({});
  EXPECT_THAT(found(report, "proxy"), HasSubstr("ok: 127.0.0.1:"));
  // The authority's own certificate expires first: all of the chain is looked at.
  EXPECT_THAT(found(report, "tls"), HasSubstr("warn: TLSv1.3, its certificates are valid for"));
  EXPECT_THAT(found(report, "tls"), HasSubstr("/CN=test-authority"));
  proxy.answer_instead("HTTP/1.1 403 Forbidden\r\n\r\n");
  report = examined(arguments);
  EXPECT_TRUE(report.failed());
  EXPECT_THAT(report.text({}), HasSubstr("403 Forbidden"));
}

}  // namespace
}  // namespace charter::supervisor
