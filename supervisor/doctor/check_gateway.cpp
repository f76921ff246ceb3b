// The way to the gateway, step by step, up to being let in, and the time it tells.
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cstdlib>
#include <ctime>

#include "supervisor/doctor/probe_net.h"
#include "supervisor/doctor/subject.h"
#include "supervisor/link/credentials.h"
#include "supervisor/link/gateway_address.h"
#include "supervisor/link/proxy.h"

namespace charter::supervisor {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kFewDays = 21;
constexpr std::int64_t kMostSkewS = 5;
constexpr const char* kKey = "Y2hhcnRlci1kb2N0b3ItMQ==";  // a nonce that nothing depends on

std::optional<std::string> environment(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return std::nullopt;
  return value;
}

// What was named; else the gateway of the daemon that runs; else where a start would look.
std::string named_gateway(const Subject& subject) {
  const bool named = subject.values.source("gateway") != ipc::OptionSource::fallback;
  if (named || !subject.status) return subject.values.text("gateway");
  std::string url = subject.status->object("daemon").object("gateway").text("url");
  constexpr std::string_view kEndpoint = "/daemon";
  if (url.starts_with("ws")) url.replace(0, 2, "http");
  if (url.ends_with(kEndpoint)) url.resize(url.size() - kEndpoint.size());
  return url;
}

milliseconds patience(const Subject& subject) {
  const double seconds = std::clamp(subject.values.number("connect-timeout"), 0.001, 60.0);
  return milliseconds(static_cast<std::int64_t>(seconds * 1000));
}

// The token as the daemon would have it; a secret. Says what is wrong with its file.
std::string find_token(const Subject& subject, Report& report) {
  const std::string path = subject.values.text("token-file");
  if (path.empty()) {
    const bool there = subject.options && !subject.options->token.empty();
    report.ok("token", there ? "from CHARTER_GATEWAY_DAEMON_TOKEN" : "none is set");
    return there ? subject.options->token : std::string();
  }
  auto token = read_token_file(path);
  struct stat info {};
  if (!token || ::stat(path.c_str(), &info) != 0) {
    report.fail("token", token ? "stat " + path : token.error().message(),
                "write the token there, readable for the daemon's user alone");
    return {};
  }
  if (const auto problem = token_problem(*token)) {
    report.fail("token", path + ": " + *problem, "write the token anew");
    return {};
  }
  std::array<char, 8> mode{};
  (void)std::to_chars(mode.data(), mode.data() + mode.size(), info.st_mode & 07777, 8);
  const std::string what = path + ", mode 0" + mode.data();
  if ((info.st_mode & 0077) != 0) {
    report.warn("token", what + ": other users can read it", "chmod 600 " + path);
  } else {
    report.ok("token", what);
  }
  return *token;
}

std::optional<Reach> reach_of_peer(int socket) {
  sockaddr_storage peer{};
  socklen_t size = sizeof peer;
  if (::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &size) != 0) return std::nullopt;
  if (peer.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&peer);
    return reach_of(boost::asio::ip::address_v4(ntohl(v4->sin_addr.s_addr)));
  }
  boost::asio::ip::address_v6::bytes_type bytes{};
  const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&peer);
  std::copy_n(v6->sin6_addr.s6_addr, bytes.size(), bytes.begin());
  return reach_of(boost::asio::ip::address_v6(bytes));
}

// A header's value, its name in lower case; empty when there is none.
std::string header_of(const std::string& head, std::string_view name) {
  std::string lower = head;
  std::ranges::transform(lower, lower.begin(), [](unsigned char c) {
    return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  });
  const auto at = lower.find("\r\n" + std::string(name) + ":");
  if (at == std::string::npos) return {};
  const auto begin = head.find_first_not_of(' ', at + name.size() + 3);
  return head.substr(begin, head.find("\r\n", begin) - begin);
}

int status_of(const std::string& head) {
  int status = 0;
  if (head.starts_with("HTTP/1.") && head.size() > 12) {
    (void)std::from_chars(head.data() + 9, head.data() + 12, status);
  }
  return status;
}

void check_clock(const std::string& date, Report& report) {
  std::tm parts{};
  if (date.empty() || ::strptime(date.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &parts) == nullptr) {
    timex state{};
    const bool apart = ::adjtimex(&state) == TIME_ERROR || (state.status & STA_UNSYNC) != 0;
    if (!apart) return report.ok("clock", "kept by this host; the gateway tells no time");
    return report.warn("clock", "nothing keeps this host's clock, and no gateway told the time",
                       "run chrony or systemd-timesyncd");
  }
  const std::int64_t skew = ::timegm(&parts) - ::time(nullptr);
  const std::string what = "the gateway's clock is " + std::to_string(std::abs(skew)) + " s " +
                           (skew < 0 ? "behind" : "ahead of") + " this host's";
  if (std::abs(skew) <= kMostSkewS) {
    return report.ok("clock", "within " + std::to_string(kMostSkewS) + " s of the gateway's");
  }
  report.warn("clock", what, "run chrony or systemd-timesyncd on both");
}

// One attempt to be let in, as far as each step goes.
class Attempt {
 public:
  Attempt(const Subject& subject, Report& report)
      : subject_(subject), report_(report), patience_(patience(subject)) {}

  // The Date that the gateway told, or empty.
  std::string run() {
    const std::string named = named_gateway(subject_);
    auto address = parse_gateway_address(named);
    if (!address) {
      report_.fail("gateway", address.error().what, "correct --gateway");
      return {};
    }
    address_ = std::move(*address);
    report_.ok("gateway", address_.url);
    token_ = find_token(subject_, report_);
    if (!find_proxy() || !reach()) return {};
    if (proxy_ && !open_tunnel()) return {};
    if (!encrypt()) return {};
    return ask();
  }

 private:
  [[nodiscard]] Deadline deadline() const { return Deadline(patience_); }

  bool find_proxy() {
    auto proxy = proxy_for(address_, environment);
    if (!proxy) {
      report_.fail("proxy", proxy.error().message(), "correct the variable, or unset it");
      return false;
    }
    proxy_ = std::move(*proxy);
    if (proxy_) report_.ok("proxy", proxy_->shown);
    return true;
  }

  bool reach() {
    const std::string& host = proxy_ ? proxy_->host : address_.host;
    const std::uint16_t port = proxy_ ? proxy_->port : address_.port;
    const auto found = look_up(host, port, deadline());
    if (!found) {
      report_.fail("dns", found.error().message(),
                   "correct the name in --gateway, or this host's name service");
      return false;
    }
    std::string shown;
    for (const Endpoint& one : *found) shown += (shown.empty() ? "" : ", ") + one.shown;
    report_.ok("dns", host + " is " + shown);
    auto socket = connect_to(*found, deadline());
    const std::string where = host + ":" + std::to_string(port);
    if (!socket) {
      report_.fail("tcp", where + ": " + socket.error().message(),
                   "see that it listens there, and that no firewall is between");
      return false;
    }
    report_.ok("tcp", where + " takes connections");
    socket_ = std::move(*socket);
    reach_ = proxy_ ? known_reach(address_) : reach_of_peer(socket_.get());
    return true;
  }

  bool open_tunnel() {
    const std::string where = address_.host + ":" + std::to_string(address_.port);
    std::string request = "CONNECT " + where + " HTTP/1.1\r\nHost: " + where + "\r\n";
    if (!proxy_->credentials.empty()) {
      request += "Proxy-Authorization: " + basic_authorization(proxy_->credentials) + "\r\n";
    }
    const auto channel = plain_channel(ipc::UniqueFd(::dup(socket_.get())));
    const Deadline until = deadline();
    const auto sent = channel->send(request + "\r\n", until);
    const auto head = sent ? channel->read_head(until) : ipc::Result<std::string>(sent.error());
    if (head && status_of(*head) / 100 == 2) return true;
    report_.fail("proxy",
                 proxy_->shown + ": " +
                     (head ? head->substr(0, head->find("\r\n")) : head.error().message()),
                 "let the proxy pass connections to " + where + ", or name it in NO_PROXY");
    return false;
  }

  bool encrypt() {
    if (!address_.tls) {
      channel_ = plain_channel(std::move(socket_));
      return true;
    }
    const TlsSettings settings{subject_.values.text("ca-file"), subject_.values.text("client-cert"),
                               subject_.values.text("client-key")};
    auto shown = shake_hands(std::move(socket_), address_.host, settings, deadline());
    if (!shown) {
      report_.fail("tls", shown.error().message(),
                   "renew the gateway's certificate, or name who vouches for it with --ca-file");
      return false;
    }
    channel_ = std::move(shown->channel);
    const std::string what = shown->protocol + ", its certificates are valid for " +
                             std::to_string(shown->days_left) + " days";
    if (shown->days_left < kFewDays) {
      report_.warn("tls", what + " (" + shown->expires_first + ")",
                   "have it renewed before the gateway cannot be reached any more");
    } else {
      report_.ok("tls", what);
    }
    return true;
  }

  // Whether what lets in may be sent this way.
  bool may_send(const std::string& authorization) {
    if (authorization.empty() || address_.tls) return true;
    const Reach reach = reach_.value_or(Reach::public_network);
    const bool insecure = subject_.values.flag("insecure-token");
    if (token_rule(address_, reach, insecure) != TokenRule::refuse) return true;
    report_.fail("upgrade", token_refusal(address_.host), "use an https gateway");
    return false;
  }

  std::string ask() {
    const std::string authorization = authorization_for(address_, token_);
    if (!may_send(authorization)) return {};
    std::string request = "GET " + address_.target + " HTTP/1.1\r\nHost: " + address_.host_header +
                          "\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " +
                          kKey + "\r\n";
    if (!authorization.empty()) request += "Authorization: " + authorization + "\r\n";
    const Deadline until = deadline();
    const auto sent = channel_->send(request + "\r\n", until);
    const auto head = sent ? channel_->read_head(until) : ipc::Result<std::string>(sent.error());
    if (!head) {
      report_.fail("upgrade", head.error().message(), "see that a gateway listens there");
      return {};
    }
    judge(status_of(*head), head->substr(0, head->find("\r\n")), !authorization.empty());
    return header_of(*head, "date");
  }

  // Whether the running daemon's connection to this very gateway stands.
  [[nodiscard]] bool daemon_is_in() const {
    if (!subject_.status) return false;
    const client::Fields gateway = subject_.status->object("daemon").object("gateway");
    return gateway.text("state") == "up" && gateway.text("url") == address_.url;
  }

  void judge(int status, const std::string& line, bool has_authorization) {
    if (status == 101) return report_.ok("upgrade", "the gateway lets this daemon in");
    // Its token is not known here, and need not be.
    if ((status == 401 || status == 403) && !has_authorization && daemon_is_in()) {
      return report_.ok("upgrade", "the running daemon is let in, with a token of its own");
    }
    if (status == 401 || status == 403) {
      return report_.fail("upgrade",
                          line + (has_authorization ? ": the token is not accepted"
                                                    : ": the gateway wants a token"),
                          "put the gateway's token into --token-file");
    }
    if (status >= 500) {
      return report_.warn("upgrade", line, "the gateway has trouble of its own: see its log");
    }
    report_.fail("upgrade", line.empty() ? "no HTTP" : line,
                 "no gateway is at " + address_.url + ": correct --gateway");
  }

  const Subject& subject_;
  Report& report_;
  milliseconds patience_;
  GatewayAddress address_;
  std::string token_;
  std::optional<Proxy> proxy_;
  std::optional<Reach> reach_;
  ipc::UniqueFd socket_;
  std::unique_ptr<Channel> channel_;
};

}  // namespace

void check_gateway(const Subject& subject, Report& report) {
  check_clock(Attempt(subject, report).run(), report);
}

}  // namespace charter::supervisor
