#include "gateway/options.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/address.hpp>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>

#include "ipc/job.h"
#include "ipc/option_bytes.h"
#include "ipc/unique_fd.h"

namespace charter::gateway {
namespace {

using ipc::OptionKind;
using ipc::OptionSpec;

constexpr std::array<std::string_view, 4> kLogLevels = {"debug", "info", "warning", "error"};

constexpr std::array kOptions = {
    OptionSpec{.name = "listen",
               .variable = "CHARTER_GATEWAY_LISTEN",
               .fallback = "127.0.0.1:8765",
               .metavar = "HOST:PORT",
               .help = "Address to listen on; port 0 takes a free one. Other addresses than "
                       "loopback need --token-file."},
    OptionSpec{.name = "data",
               .variable = "CHARTER_GATEWAY_DATA",
               .metavar = "DIR",
               .help = "Directory of the database; made when it is missing.",
               .shown_default = "$XDG_STATE_HOME/charter-gateway"},
    OptionSpec{.name = "token-file",
               .variable = "CHARTER_GATEWAY_TOKEN_FILE",
               .metavar = "FILE",
               .help =
                   "Holds the bearer token that daemons and clients must show. Without it whoever "
                   "reaches the address may do everything."},
    OptionSpec{.name = "retain",
               .variable = "CHARTER_GATEWAY_RETAIN",
               .fallback = "30d",
               .metavar = "TIME",
               .help = "How long a run that has ended is kept: a number with s, m, h or d."},
    OptionSpec{.name = "retain-bytes",
               .variable = "CHARTER_GATEWAY_RETAIN_BYTES",
               .fallback = "1073741824",
               .metavar = "BYTES",
               .help = "Most that the events of ended runs take together, as in 1G; the oldest go "
                       "first."},
    OptionSpec{.name = "open",
               .help = "Open the gateway's page in the desktop's browser.",
               .kind = OptionKind::flag},
    OptionSpec{.name = "log-level",
               .variable = "CHARTER_GATEWAY_LOG_LEVEL",
               .fallback = "info",
               .help = "Least severity that is logged, on standard error.",
               .kind = OptionKind::choice,
               .choices = kLogLevels},
    OptionSpec{.name = "config",
               .metavar = "FILE",
               .help = "Lines of 'option-name = value'; flags and environment go first."},
};

constexpr std::array kExamples = {
    ipc::Example{"charter-daemon gateway", "Serves the daemons of this host, on 127.0.0.1:8765."},
    ipc::Example{"charter-daemon gateway --listen 0.0.0.0:8765 --token-file /etc/charter/token",
                 "Serves other hosts, too; put a proxy that speaks TLS in front of it."},
};

constexpr std::array kExitCodes = {
    ipc::ExitCode{0, "ended by SIGTERM or SIGINT"},
    ipc::ExitCode{1, "the address or the database cannot be used"},
    ipc::ExitCode{2, "bad options"},
};

constexpr ipc::CommandSpec kCommand{
    .name = "gateway",
    .summary = "Run a gateway for the daemons of this host",
    .description =
        "Runs a gateway in the foreground. Daemons connect to it at /daemon. Workers, runs and "
        "events are kept in a SQLite "
        "database and served by an HTTP API and a page, which also start, approve, answer and "
        "cancel runs.\n\n"
        "An event is acknowledged when it is on disk.",
    .options = kOptions,
    .examples = kExamples,
    .exit_codes = kExitCodes,
};

std::string default_data() {
  const char* state = std::getenv("XDG_STATE_HOME");
  if (state != nullptr && *state == '/') return std::string(state) + "/charter-gateway";
  const char* home = std::getenv("HOME");
  if (home != nullptr && *home == '/') return std::string(home) + "/.local/state/charter-gateway";
  return {};
}

constexpr std::size_t kMostTokenBytes = 8192;  // as much as daemons take

// The token in the file, without the white space around it.
ipc::Result<std::string> read_token(const std::string& path) {
  const ipc::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return ipc::errno_error("open");
  const auto text = ipc::read_all(file.get(), kMostTokenBytes);
  if (!text) return text.error();
  const auto first = text->find_first_not_of(" \t\r\n");
  if (first == std::string::npos) return std::string();
  return text->substr(first, text->find_last_not_of(" \t\r\n") - first + 1);
}

ipc::Result<void> take_token(const ipc::OptionValues& values, GatewayOptions& options) {
  const std::string& path = values.text("token-file");
  auto token = read_token(path);
  if (!token) {
    return values.invalid(
        "token-file", "File '" + path + "' cannot be read: " + token.error().code.message() + ".");
  }
  const bool printable = std::ranges::all_of(*token, [](char c) { return c > ' ' && c < '\x7f'; });
  if (token->empty() || !printable) {
    return values.invalid("token-file",
                          "File '" + path + "' must hold one token of printable characters.");
  }
  struct stat status {};
  if (stat(path.c_str(), &status) == 0 && (status.st_mode & 077U) != 0) {
    options.warnings.push_back("the token file can be read by others than its owner");
  }
  options.token = std::move(*token);
  return {};
}

}  // namespace

const ipc::CommandSpec& gateway_command() { return kCommand; }

std::optional<boost::asio::ip::tcp::endpoint> parse_listen(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, failed] = std::from_chars(digits.data(), end, port);
  if (failed != std::errc{} || at != end || digits.empty()) return std::nullopt;
  std::string host(text.substr(0, colon));
  const bool six = host.starts_with('[') && host.ends_with(']');
  if (six) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  boost::system::error_code error;
  const auto address = boost::asio::ip::make_address(host, error);
  if (error || address.is_v6() != six) return std::nullopt;
  return boost::asio::ip::tcp::endpoint(address, port);
}

ipc::Result<GatewayOptions> check_gateway_options(const ipc::OptionValues& values) {
  GatewayOptions options;
  options.open = values.flag("open");
  options.log_level = values.text("log-level");
  const auto listen = parse_listen(values.text("listen"));
  if (!listen) {
    return values.invalid("listen", "'" + values.text("listen") +
                                        "' is not an IP address and a port, like 127.0.0.1:8765.");
  }
  options.listen = *listen;
  if (values.has("token-file")) {
    if (auto taken = take_token(values, options); !taken) return taken.error();
  }
  if (options.token.empty() && !options.listen.address().is_loopback()) {
    return values.invalid("listen", "only loopback addresses without --token-file.");
  }
  const auto age = ipc::read_time(values.text("retain"));
  if (!age) return values.invalid("retain", ipc::kTimeRule);
  const auto bytes = ipc::read_bytes(values.text("retain-bytes"));
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!bytes || *bytes > kMost) return values.invalid("retain-bytes", ipc::kBytesRule);
  options.retention = {*age, static_cast<std::int64_t>(*bytes)};
  options.data = values.has("data") ? values.text("data") : default_data();
  if (options.data.empty()) return ipc::usage_error("Missing option '--data'.");
  return options;
}

}  // namespace charter::gateway
