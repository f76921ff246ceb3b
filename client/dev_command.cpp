// dev: a gateway and a daemon for the current project, until Ctrl-C.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "client/commands.h"
#include "client/control.h"
#include "client/dev_child.h"
#include "client/dev_place.h"
#include "ipc/browser.h"
#include "ipc/json_scan.h"
#include "ipc/peer.h"
#include "ipc/unique_fd.h"

namespace charter::client {
namespace {

constexpr std::uint16_t kUsualPort = 8765;
constexpr std::int64_t kReadyMs = 30'000;
constexpr std::int64_t kAskMs = 500;     // for one look at the daemon
constexpr std::int64_t kLookMs = 5;      // between two of them
constexpr std::int64_t kEndMs = 10'000;  // from TERM to KILL
constexpr std::string_view kListening = "listening on ";

// Ctrl-C, the terminal's end, and ends of children, as something to poll for.
class Signals {
 public:
  Signals() {
    ::sigemptyset(&all_);
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGCHLD}) ::sigaddset(&all_, number);
    ::sigprocmask(SIG_BLOCK, &all_, nullptr);
    events_.reset(::signalfd(-1, &all_, SFD_CLOEXEC | SFD_NONBLOCK));
  }

  // Waits for a signal, for something to read at `also`, or for the time to pass; gives whether the
  // end was asked for, now or before.
  bool wait(std::int64_t ms, int also = -1) {
    std::array<pollfd, 2> watched{pollfd{events_.get(), POLLIN, 0}, pollfd{also, POLLIN, 0}};
    ::poll(watched.data(), also < 0 ? 1 : 2, static_cast<int>(ms));
    signalfd_siginfo info{};
    while (::read(events_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo != SIGCHLD) asked_ = true;
    }
    return asked_;
  }
  [[nodiscard]] bool asked() const { return asked_; }

 private:
  sigset_t all_{};
  ipc::UniqueFd events_;
  bool asked_ = false;
};

bool port_is_free(std::uint16_t port) {
  const ipc::UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

class Dev {
 public:
  Dev(Target target, DevPlace place, std::string log_level)
      : target_(std::move(target)), place_(std::move(place)), log_level_(std::move(log_level)) {}
  ~Dev() { remove_login_file(place_); }
  Dev(const Dev&) = delete;
  Dev& operator=(const Dev&) = delete;

  // Nothing when the end was asked for before all was ready.
  Expected<bool> start(std::uint16_t port);
  // Until one of the two ends or the end is asked for; gives the exit code.
  int watch();

  [[nodiscard]] const std::string& url() const { return url_; }
  [[nodiscard]] const std::string& data_dir() const { return data_dir_; }
  [[nodiscard]] const DevChild& gateway() const { return gateway_; }
  [[nodiscard]] const DevChild& daemon() const { return daemon_; }

 private:
  Expected<bool> start_gateway(std::uint16_t port);
  Expected<bool> start_daemon();
  bool look_at_daemon();
  void end(DevChild& child);
  // What else has become our child (a browser's opener) is reaped here.
  static void reap_strangers(const DevChild& one, const DevChild& other);

  Signals signals_;
  const Target target_;
  const DevPlace place_;
  const std::string log_level_;
  DevChild gateway_{"gateway"};
  DevChild daemon_{"daemon"};
  std::string url_;
  std::string data_dir_;
};

Expected<bool> Dev::start(std::uint16_t port) {
  auto gateway = start_gateway(port);
  if (!gateway || !*gateway) return gateway;
  if (auto written = write_login_file(place_, url_); !written) return written.error();
  return start_daemon();
}

Expected<bool> Dev::start_gateway(std::uint16_t port) {
  auto started =
      gateway_.start({"gateway", "--listen", "127.0.0.1:" + std::to_string(port), "--data",
                      place_.gateway, "--token-file", place_.token_file, "--log-level", log_level_},
                     true, 0);
  if (!started) return started.error();
  const Deadline deadline = in_ms(kReadyMs);
  std::string said;
  while (!said.ends_with('\n')) {
    if (signals_.wait(timeout_of(deadline), gateway_.output())) return false;
    std::array<char, 256> bytes{};
    const ssize_t got = ::read(gateway_.output(), bytes.data(), bytes.size());
    if (got > 0) said.append(bytes.data(), static_cast<std::size_t>(got));
    const bool nothing_yet = got < 0 && errno == EAGAIN;
    if ((got <= 0 && !nothing_yet) || timeout_of(deadline) == 0) {
      return Failure(kExitRunFailed, "The gateway could not start.");
    }
  }
  const auto at = said.find(kListening);
  if (at == std::string::npos) return Failure(kExitRunFailed, "The gateway could not start.");
  url_ = said.substr(at + kListening.size());
  url_.pop_back();
  return true;
}

Expected<bool> Dev::start_daemon() {
  auto started = daemon_.start(
      {"start", "--project-path", target_.root, "--socket-path", target_.socket, "--gateway", url_,
       "--token-file", place_.token_file, "--log-level", log_level_},
      false, gateway_.pid());
  if (!started) return started.error();
  const Deadline deadline = in_ms(kReadyMs);
  while (!look_at_daemon()) {
    if (signals_.wait(kLookMs)) return false;
    if (!daemon_.running()) return Failure(kExitRunFailed, "The daemon could not start.");
    if (timeout_of(deadline) == 0) {
      return Failure(kExitRunFailed, "The daemon does not answer, or has no connection.");
    }
  }
  return true;
}

// Whether it serves the project and is connected to the gateway.
bool Dev::look_at_daemon() {
  const auto answer = ask(target_, Request("status"), in_ms(kAskMs));
  if (!answer) return false;
  const Fields daemon = answer->object("daemon");
  data_dir_ = daemon.text("data_dir");
  return daemon.object("gateway").text("state") == "up";
}

int Dev::watch() {
  while (!signals_.asked() && gateway_.running() && daemon_.running()) {
    signals_.wait(-1);
    reap_strangers(gateway_, daemon_);
  }
  const bool asked = signals_.asked();
  const bool gateway_died = !asked && !gateway_.running();
  const bool daemon_died = !asked && !gateway_died && !daemon_.running();
  if (gateway_died) tell("The gateway " + gateway_.ending() + "; the daemon is ended, too.");
  if (daemon_died) tell("The daemon " + daemon_.ending() + "; the gateway is ended, too.");
  // The gateway last, so that it hears what the daemon has to say at its end.
  end(daemon_);
  end(gateway_);
  if (gateway_died) return kExitOther;
  // `charter-daemon stop` is no accident.
  return daemon_died && !daemon_.ended_well() ? kExitNoDaemon : 0;
}

void Dev::end(DevChild& child) {
  child.signal(SIGTERM);
  const Deadline deadline = in_ms(kEndMs);
  while (child.running() && timeout_of(deadline) > 0) signals_.wait(timeout_of(deadline));
  if (!child.running()) return;
  tell("The " + child.name() + " does not end, and is killed.");
  child.signal(SIGKILL);
  while (child.running()) signals_.wait(kEndMs);
}

void Dev::reap_strangers(const DevChild& one, const DevChild& other) {
  siginfo_t info{};
  while (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0) {
    if (info.si_pid == one.pid() || info.si_pid == other.pid()) return;
    ::waitpid(info.si_pid, nullptr, WNOHANG);
    info.si_pid = 0;
  }
}

void introduce_as_text(const Dev& dev, const DevPlace& place, const Target& target,
                       std::int64_t took) {
  std::array<char, 32> seconds{};
  std::snprintf(seconds.data(), seconds.size(), "%.2f", static_cast<double>(took) / 1000);
  print("Page      " + dev.url() + "/\n" + "Log in    " + file_url(place.login_file) +
        "  (the token is in " + place.token_file + ")\n" + "Project   " + target.root + "\n" +
        "Data      " + place.gateway + " (gateway)\n" + "          " + dev.data_dir() +
        " (daemon)\n" + "Ready after " + seconds.data() +
        " s. Ctrl-C ends both; runs that execute go on, and the next daemon takes them over.\n");
}

void introduce_as_json(const Dev& dev, const DevPlace& place, const Target& target,
                       std::int64_t took) {
  const auto text = [](std::string_view name, const std::string& value) {
    return "\"" + std::string(name) + "\":" + ipc::quoted(value) + ",";
  };
  print("{" + text("url", dev.url()) + text("login_file", place.login_file) +
        text("token_file", place.token_file) + text("project", target.root) +
        text("socket", target.socket) + text("gateway_data", place.gateway) +
        text("daemon_data", dev.data_dir()) +
        "\"gateway_pid\":" + std::to_string(dev.gateway().pid()) + ",\"daemon_pid\":" +
        std::to_string(dev.daemon().pid()) + ",\"ready_ms\":" + std::to_string(took) + "}\n");
}

// The port to listen on: the one that was given, else the usual one unless somebody has it.
Expected<std::uint16_t> choose_port(const ipc::OptionValues& values) {
  if (!values.has("port")) {
    if (port_is_free(kUsualPort)) return kUsualPort;
    tell("Port " + std::to_string(kUsualPort) + " is taken; a free one is used.");
    return std::uint16_t{0};
  }
  const std::int64_t port = values.integer("port");
  if (port < 0 || port > 65535) {
    return Failure(kExitUsage, values.invalid("port", "must be from 0 to 65535").what);
  }
  return static_cast<std::uint16_t>(port);
}

}  // namespace

Expected<int> dev_command(const ipc::OptionValues& values) {
  const std::int64_t begin = ipc::boot_ms();
  auto target = find_target(values);
  if (!target) return target.error();
  const auto port = choose_port(values);
  if (!port) return port.error();
  // Two daemons would not share a project, but the second gateway would be there first.
  if (ask(*target, Request("ping"), in_ms(kAskMs))) {
    return Failure(kExitRunFailed,
                   "A daemon serves this project already; 'charter-daemon stop' ends it.");
  }
  auto place = prepare_dev_place(target->root);
  if (!place) return place.error();
  Dev dev(*target, *place, values.text("log-level"));
  const auto ready = dev.start(*port);
  if (!ready) return ready.error();
  if (*ready) {
    const std::int64_t took = ipc::boot_ms() - begin;
    const auto tell_all = values.flag("json") ? introduce_as_json : introduce_as_text;
    tell_all(dev, *place, *target, took);
    if (values.flag("open") && !ipc::open_in_browser(file_url(place->login_file))) {
      tell("No browser could be started.");
    }
  }
  return dev.watch();
}

}  // namespace charter::client
