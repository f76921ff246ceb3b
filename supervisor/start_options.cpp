#include "supervisor/start_options.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>

#include "ipc/layout.h"
#include "ipc/option_bytes.h"
#include "ipc/output_log.h"
#include "supervisor/link/credentials.h"
#include "supervisor/link/gateway_address.h"
#include "supervisor/run.h"

namespace charter::supervisor {
namespace {

namespace fs = std::filesystem;
using ipc::Error;
using ipc::OptionValues;
using ipc::Result;

constexpr const char* kTokenVariable = "CHARTER_GATEWAY_DAEMON_TOKEN";
constexpr double kMostSeconds = 10.0 * 365 * 24 * 3600;
constexpr double kMostGraceSeconds = INT_MAX / 1000;  // a signal carries it as an int of ms
constexpr std::uint64_t kLeastRequestBytes = 4096;
constexpr std::uint64_t kMostRequestBytes = std::uint64_t{1} << 30;
constexpr std::uint64_t kLeastStepOutput = 1024;
// A state file holds outputs, at up to six bytes for one printed, and is read up to 1 GiB.
constexpr std::uint64_t kMostStepOutput = std::uint64_t{128} << 20;
constexpr std::uint64_t kMostRunLog = std::uint64_t{64} << 30;

bool wipe_token(std::string& token) {
  char* value = std::getenv(kTokenVariable);
  if (value == nullptr) return true;
  token = value;
  ::explicit_bzero(value, std::strlen(value));
  ::unsetenv(kTokenVariable);
  constexpr std::string_view blanks = " \t\r\n\v\f";
  token.erase(0, std::min(token.find_first_not_of(blanks), token.size()));
  token.erase(token.find_last_not_of(blanks) + 1);
  return std::ranges::all_of(token, [](char c) { return c >= 0x20 && c < 0x7F; });
}

// At least a millisecond when it is positive: no interval may become a busy loop.
std::chrono::milliseconds to_ms(double seconds) {
  return std::chrono::milliseconds(std::llround(std::ceil(std::min(seconds, kMostSeconds) * 1e3)));
}

Result<void> read_numbers(const OptionValues& values, StartOptions& options) {
  const std::int64_t runs = values.integer("max-runs");
  if (runs < 1) return values.invalid("max-runs", "must be at least 1");
  if (runs > 100) {
    options.warnings.push_back("--max-runs " + std::to_string(runs) +
                               " is unusually high; most deployments use 4–16. Consider a lower "
                               "value to avoid exhausting system resources.");
  }
  options.max_runs = static_cast<int>(std::min<std::int64_t>(runs, INT_MAX));
  for (const std::string_view name :
       {"heartbeat-interval", "connect-timeout", "integration-setup-timeout",
        "integration-teardown-timeout"}) {
    if (values.number(name) <= 0) return values.invalid(name, "must be positive");
  }
  for (const std::string_view name : {"reconnect-delay", "kill-grace", "run-time-max"}) {
    if (values.number(name) < 0) return values.invalid(name, "must be non-negative");
  }
  options.heartbeat_interval = to_ms(values.number("heartbeat-interval"));
  options.reconnect_delay = to_ms(values.number("reconnect-delay"));
  options.connect_timeout = to_ms(values.number("connect-timeout"));
  options.kill_grace = to_ms(std::min(values.number("kill-grace"), kMostGraceSeconds));
  options.setup_timeout = to_ms(values.number("integration-setup-timeout"));
  options.teardown_timeout = to_ms(values.number("integration-teardown-timeout"));
  options.run_time_max = to_ms(values.number("run-time-max"));
  const auto output = ipc::read_bytes(values.text("step-output-max"));
  if (!output || *output < kLeastStepOutput || *output > kMostStepOutput) {
    return values.invalid("step-output-max", "must be from 1K to 128M");
  }
  options.step_output_max = *output;
  const auto log = ipc::read_bytes(values.text("run-log-max"));
  if (!log || *log > kMostRunLog || (*log > 0 && *log < ipc::kLeastOutputBytes)) {
    return values.invalid("run-log-max", "must be 0 or from 256K to 64G");
  }
  options.run_log_max = *log;
  const auto bytes = ipc::read_bytes(values.text("max-request-bytes"));
  if (!bytes || *bytes < kLeastRequestBytes || *bytes > kMostRequestBytes) {
    return values.invalid("max-request-bytes", "must be from 4K to 1G");
  }
  options.max_request_bytes = *bytes;
  return {};
}

// Below these a run could not even say why it failed.
Result<void> read_limits(const OptionValues& values, StartOptions& options) {
  constexpr std::uint64_t kLeastMemory = 16U << 20;
  constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 60;
  const auto memory = ipc::read_bytes(values.text("run-memory-max"));
  if (!memory || *memory > kMostMemory) {
    return values.invalid("run-memory-max", ipc::kBytesRule);
  }
  if (*memory > 0 && *memory < kLeastMemory) {
    return values.invalid("run-memory-max", "must be 0 or at least 16M");
  }
  options.run_memory_max = *memory;
  const std::int64_t pids = values.integer("run-pids-max");
  if (pids != 0 && (pids < 4 || pids > 4'194'304)) {
    return values.invalid("run-pids-max", "must be 0 or from 4 to 4194304");
  }
  options.run_pids_max = static_cast<std::uint64_t>(pids);
  const std::int64_t cpu = values.integer("run-cpu-max");
  if (cpu < 0 || cpu > 1'000'000) {
    return values.invalid("run-cpu-max", "must be from 0 to 1000000");
  }
  options.run_cpu_max = static_cast<std::uint64_t>(cpu);
  return {};
}

Result<void> read_log(const OptionValues& values, StartOptions& options) {
  if (const std::string& file = values.text("log-file"); !file.empty()) {
    options.log_file = fs::absolute(file).lexically_normal().string();
  }
  const auto bytes = ipc::read_bytes(values.text("log-max-bytes"));
  constexpr std::uint64_t kLeastLog = 64U << 10;
  constexpr std::uint64_t kMostLog = std::uint64_t{1} << 40;
  if (!bytes || *bytes > kMostLog || (*bytes > 0 && *bytes < kLeastLog)) {
    return values.invalid("log-max-bytes", "must be 0 or at least 64K, as in 16M");
  }
  options.log_max_bytes = *bytes;
  const std::int64_t keep = values.integer("log-keep");
  if (keep < 0 || keep > 1000) return values.invalid("log-keep", "must be from 0 to 1000");
  options.log_keep = static_cast<int>(keep);
  return {};
}

Result<void> read_retention(const OptionValues& values, StartOptions& options) {
  const auto age = ipc::read_time(values.text("retain"));
  if (!age) return values.invalid("retain", ipc::kTimeRule);
  options.retention.age = *age;
  const auto bytes = ipc::read_bytes(values.text("retain-bytes"));
  if (!bytes) return values.invalid("retain-bytes", ipc::kBytesRule);
  options.retention.bytes = *bytes;
  return {};
}

// Paths are made absolute, since they are opened again later; relative ones are the caller's.
Result<void> read_credentials(const OptionValues& values, StartOptions& options) {
  const auto path_of = [&values](std::string_view name) {
    const std::string& given = values.text(name);
    return given.empty() ? given : fs::absolute(given).lexically_normal().string();
  };
  options.token_file = path_of("token-file");
  options.tls = {path_of("ca-file"), path_of("client-cert"), path_of("client-key")};
  if (!options.token_file.empty()) {
    auto token = read_token_file(options.token_file);
    if (!token) return ipc::plain_error(token.error().message());
    options.token = std::move(*token);
  }
  if (!options.tls.client_key.empty() && options.tls.client_certificate.empty()) {
    return values.invalid("client-key", "needs --client-cert");
  }
  return {};
}

Result<void> read_gateway(const OptionValues& values, StartOptions& options) {
  options.gateway = values.text("gateway");
  const auto address = parse_gateway_address(options.gateway);
  if (!address) return values.invalid("gateway", address.error().what);
  if (address->tls) {
    if (const std::string problem = tls_problem(options.tls); !problem.empty()) {
      return ipc::plain_error("TLS: " + problem);
    }
  }
  const auto reach = known_reach(*address);
  if ((options.token.empty() && address->credentials.empty()) || !reach) return {};
  switch (token_rule(*address, *reach, options.insecure_token)) {
    case TokenRule::send:
      break;
    case TokenRule::send_with_warning:
      options.warnings.push_back(token_warning(address->host));
      break;
    case TokenRule::refuse:
      return values.invalid("gateway", token_refusal(address->host));
  }
  return {};
}

Result<void> read_directory(const OptionValues& values, StartOptions&) {
  const std::string& given = values.text("project-path");
  std::error_code ec;
  const fs::file_status status = fs::status(given, ec);
  if (!fs::exists(status)) {
    return values.invalid("project-path", "Directory '" + given + "' does not exist.");
  }
  if (!fs::is_directory(status)) {
    return values.invalid("project-path", "Directory '" + given + "' is a file.");
  }
  if (::access(given.c_str(), R_OK) != 0) {
    return values.invalid("project-path", "Directory '" + given + "' is not readable.");
  }
  return {};
}

Result<void> read_project(const OptionValues& values, StartOptions& options) {
  std::error_code ec;
  const fs::path root = fs::canonical(values.text("project-path"), ec);
  if (ec) return Error{ec, "Project path " + values.text("project-path")};
  if (!fs::is_regular_file(root / "charter.yml", ec)) {
    return ipc::plain_error("Project path does not contain charter.yml: " + root.string());
  }
  options.project_path = root.string();
  return {};
}

std::string from_root(const std::string& root, const std::string& path) {
  std::error_code ec;
  const fs::path joined = fs::path(root) / path;
  const fs::path resolved = fs::weakly_canonical(joined, ec);
  return (ec ? joined.lexically_normal() : resolved).string();
}

// Links are kept: an interpreter finds its packages by the name it is called.
Result<void> read_toolchain(const OptionValues& values, StartOptions& options) {
  const std::string& python = values.text("toolchain-python");
  if (python.empty()) return {};
  options.toolchain_python = fs::absolute(python).lexically_normal().string();
  std::error_code ec;
  if (fs::is_regular_file(options.toolchain_python, ec)) return {};
  return values.invalid("toolchain-python", "File '" + python + "' does not exist.");
}

Result<void> read_places(const OptionValues& values, StartOptions& options) {
  const std::string& root = options.project_path;
  const std::string& socket = values.text("socket-path");
  if (socket.empty()) {
    options.socket_path = ipc::Layout(root).default_socket();
  } else {
    options.socket_path = socket.front() == '/' ? socket : from_root(root, socket);
  }
  if (options.socket_path.size() > ipc::kMaxSocketPath) {
    return ipc::plain_error("Socket path is " + std::to_string(options.socket_path.size()) +
                            " bytes long, more than the " + std::to_string(ipc::kMaxSocketPath) +
                            " a Unix socket may have; set CHARTER_DAEMON_SOCKET to a shorter one, "
                            "for daemon and clients alike: " +
                            options.socket_path);
  }
  if (values.has("metrics-listen") && !values.text("metrics-listen").empty()) {
    auto place = read_metrics_place(values.text("metrics-listen"));
    if (!place) return values.invalid("metrics-listen", place.error().message());
    options.metrics = std::move(*place);
    std::string& path = options.metrics.path;
    if (!path.empty() && path.front() != '/') path = from_root(root, path);
    if (path.size() > ipc::kMaxSocketPath) {
      return values.invalid("metrics-listen", "the path is longer than the " +
                                                  std::to_string(ipc::kMaxSocketPath) +
                                                  " bytes a Unix socket may have");
    }
  }
  const std::string& data = values.text("data-dir");
  if (!data.empty()) options.data_dir = from_root(root, data);
  return read_toolchain(values, options);
}

Result<void> read_worker_id(const OptionValues& values, StartOptions& options) {
  if (values.has("worker-id")) {
    options.worker_id = values.text("worker-id");
    if (options.worker_id.empty()) return values.invalid("worker-id", "must not be empty");
    return {};
  }
  std::array<char, HOST_NAME_MAX + 1> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return ipc::errno_error("gethostname");
  options.worker_id = "sandbox@" + std::string(name.data());
  return {};
}

}  // namespace

Result<StartOptions> check_start_options(const OptionValues& values) {
  StartOptions options;
  const bool token_is_fine = wipe_token(options.token);
  options.log_level = values.text("log-level");
  options.log_format = values.text("log-format");
  for (const ipc::OptionSpec& spec : start_command().options) {
    if (!values.has(spec.name)) continue;
    for (const std::string& text : values.list(spec.name)) {
      options.texts[std::string(spec.name)] += text;
    }
  }
  options.offer_capnp = values.text("gateway-protocol") == "auto";
  options.gateway_logs = values.text("gateway-logs") == "on";
  options.replay = values.text("replay") == "active" ? Replay::active : Replay::unconfirmed;
  options.resume_lost = values.text("on-lost") == kResumeLost;
  options.insecure_token = values.flag("insecure-token");
  options.sandbox = values.text("sandbox") == "project";
  options.config = values.text("config");
  using Reader = Result<void> (*)(const OptionValues&, StartOptions&);
  // A value that cannot be right counts before a project that is not one.
  for (const Reader read :
       {read_directory, read_numbers, read_limits, read_log, read_retention, read_credentials,
        read_gateway, read_project, read_places, read_worker_id}) {
    if (auto done = read(values, options); !done) return done.error();
  }
  if (!token_is_fine) {
    return ipc::plain_error(std::string(kTokenVariable) +
                            " holds characters that cannot be sent in a header");
  }
  return options;
}

}  // namespace charter::supervisor
