#include "supervisor/start.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/resource.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <utility>

#include "ipc/doorbell.h"
#include "ipc/lock.h"
#include "ipc/regular_file.h"
#include "supervisor/bell_place.h"
#include "supervisor/log.h"
#include "supervisor/log_output.h"
#include "supervisor/metrics_server.h"
#include "supervisor/orphans.h"
#include "supervisor/place.h"
#include "supervisor/service_manager.h"
#include "supervisor/short_slices.h"
#include "supervisor/socket_place.h"
#include "supervisor/supervisor.h"

namespace charter::supervisor {
namespace {

constexpr std::chrono::seconds kStatusInterval{2};
// Who ends is waited for, and on a busy machine or disk each removal can take a second.
constexpr std::chrono::milliseconds kLongestTidying{100};

// Seconds as Python shows a float: 5.0, 0.25.
std::string seconds(std::chrono::milliseconds time) {
  std::string text = fmt::format("{}.{:03}", time.count() / 1000, time.count() % 1000);
  while (text.ends_with('0') && !text.ends_with(".0")) text.pop_back();
  return text;
}

void print_banner(const StartOptions& options, const GatewayAddress& gateway) {
  std::string text = "charter-daemon starting\n";
  const auto line = [&text](const char* name, const std::string& value) {
    text += fmt::format("  {:<20}{}\n", name, value);
  };
  line("Project path:", options.project_path);
  line("Worker ID:", options.worker_id);
  line("Gateway:", gateway.url);
  line("Max runs:", std::to_string(options.max_runs));
  line("Heartbeat interval:", seconds(options.heartbeat_interval) + "s");
  line("Reconnect delay:", seconds(options.reconnect_delay) + "s");
  line("Connect timeout:", seconds(options.connect_timeout) + "s");
  line("Socket path:", options.socket_path);
  if (!options.token.empty()) line("Gateway auth:", "bearer token enabled");
  text += "Press Ctrl+C to stop.\n";
  std::fputs(text.c_str(), stdout);
  std::fflush(stdout);
}

// A child of a daemon that was killed a moment ago can hold its descriptors until it executes the
// worker: what seems to be in use is looked at again before it is believed.
template <class Attempt>
auto patiently(Attempt attempt) {
  constexpr int kAttempts = 4;
  constexpr timespec kNextTry{0, 25'000'000};
  for (int i = 1;; ++i) {
    auto result = attempt();
    if (result || i == kAttempts) return result;
    ::nanosleep(&kNextTry, nullptr);
  }
}

// The lock lives as long as this descriptor, in this process alone.
ipc::Result<ipc::UniqueFd> take_lock(const ipc::Layout& layout, const std::string& path) {
  auto opened = ipc::open_regular(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600);
  if (!opened) return opened.error();
  ipc::UniqueFd file = std::move(*opened);
  auto locked = ipc::try_lock(file.get());
  if (!locked) return ipc::Error{locked.error().code, "lock " + path};
  char holder[32] = {};
  if (!*locked) {
    const ssize_t got = ::pread(file.get(), holder, sizeof holder - 1, 0);
    const int pid = got > 0 ? std::atoi(holder) : 0;
    return ipc::plain_error(
        fmt::format("Another charter-daemon (pid {}) serves this project: {}", pid, layout.root()));
  }
  const int size = std::snprintf(holder, sizeof holder, "%d\n", ::getpid());
  if (::ftruncate(file.get(), 0) != 0 ||
      ::pwrite(file.get(), holder, static_cast<size_t>(size), 0) < 0) {
    log::warning("Cannot write {}: {}", path, std::strerror(errno));
  }
  return file;
}

struct ProjectLocks {
  ipc::UniqueFd data;
  ipc::UniqueFd project;
};

// Where the project's file system knows no locks, that of the data alone has to do.
ipc::Result<ProjectLocks> lock_project(const ipc::Layout& layout) {
  auto data = take_lock(layout, layout.daemon_lock());
  if (!data) return data.error();
  ProjectLocks locks{std::move(*data), {}};
  auto project = take_lock(layout, layout.project_lock());
  if (project) {
    locks.project = std::move(*project);
  } else if (project.error().code == std::errc::no_lock_available ||
             project.error().code == std::errc::operation_not_supported) {
    log::warning("Another daemon with data elsewhere would not be noticed: {}",
                 project.error().message());
  } else {
    return project.error();
  }
  return locks;
}

// Each executing run takes two descriptors and each connection one.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// Serves until a signal or a stop request, with everything at hand.
class Service {
 public:
  Service(Supervisor::Base base, SocketPlace socket, ServiceManager& manager)
      : worker_id_(base.options.worker_id),
        socket_(std::move(socket)),
        manager_(manager),
        signals_(context_, SIGTERM, SIGINT, SIGHUP),
        alive_timer_(context_),
        status_timer_(context_),
        supervisor_(context_, std::move(base)) {}

  // Before run(). Serves nothing where no place is given.
  ipc::Result<void> serve_metrics(const MetricsPlace& place) {
    if (!place.given()) return {};
    auto server = MetricsServer::listen(context_.get_executor(), place);
    if (!server) {
      socket_.remove();  // nobody will answer there
      return server.error();
    }
    metrics_ = std::move(*server);
    return {};
  }

  ipc::Result<void> run(ipc::UniqueFd doorbell, const std::string& socket_path) {
    wait_for_signal();
    if (metrics_) {
      metrics_->start(
          {[this] { return supervisor_.metrics(); }, [this] { return supervisor_.not_ready(); }});
      log::info("Metrics are served: {}", metrics_->where());
    }
    supervisor_.on_stop_request([this] { stop(); });
    auto started = supervisor_.start(socket_.take_listener(), std::move(doorbell));
    if (!started) return started.error();
    log::info("IPC socket ready: path={}", socket_path);
    manager_.ready();
    if (manager_.alive_interval()) say_alive();
    if (manager_.listens()) say_status();
    context_.run();
    return {};
  }

 private:
  void wait_for_signal() {
    signals_.async_wait([this](const boost::system::error_code& error, int number) {
      if (error) return;
      // From a terminal that goes away it means the end, as for any program that runs in one.
      if (number == SIGHUP && ::isatty(STDIN_FILENO) == 0) {
        wait_for_signal();
        return reload();
      }
      // A second signal does not wait for anything.
      if (stopping_) return context_.stop();
      wait_for_signal();
      stop();
    });
  }

  void reload() {
    if (stopping_) return;
    manager_.reloading();
    (void)supervisor_.reload();  // it logs how that went; there is nobody to tell
    manager_.ready();
  }

  // From a timer of the loop, so that it proves that the loop comes round.
  void say_alive() {
    manager_.alive();
    alive_timer_.expires_after(*manager_.alive_interval());
    alive_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) say_alive();
    });
  }

  void say_status() {
    const Registry::Counts counts = supervisor_.counts();
    manager_.status(fmt::format("{}{} executing, {} queued, {} paused; gateway {}",
                                supervisor_.draining() ? "Draining: " : "",
                                counts.executing + counts.unreachable, counts.queued, counts.paused,
                                supervisor_.link_up() ? "connected" : "not connected"));
    status_timer_.expires_after(kStatusInterval);
    status_timer_.async_wait([this](const boost::system::error_code& error) {
      if (!error) say_status();
    });
  }

  void stop() {
    if (std::exchange(stopping_, true)) return;
    manager_.stopping();
    const Registry::Counts counts = supervisor_.counts();
    log::info("Stopping charter-daemon: worker_id={}", worker_id_);
    socket_.remove();
    const std::string line = fmt::format(
        "charter-daemon stops: {} executing runs go on; {} queued and {} paused wait for the next "
        "start\n",
        counts.executing + counts.unreachable, counts.queued, counts.paused);
    std::fputs(line.c_str(), stdout);
    std::fflush(stdout);
    supervisor_.stop([this] {
      if (metrics_) metrics_->stop();
      context_.stop();
    });
  }

  boost::asio::io_context context_{1};
  std::string worker_id_;
  SocketPlace socket_;
  ServiceManager& manager_;
  boost::asio::signal_set signals_;
  Timer alive_timer_;
  Timer status_timer_;
  Supervisor supervisor_;
  std::unique_ptr<MetricsServer> metrics_;
  bool stopping_ = false;
};

ipc::Result<SocketPlace> take_socket(const std::string& path, ServiceManager& manager) {
  auto handed_over = manager.take_socket(path);
  if (!handed_over) return handed_over.error();
  if (*handed_over) return SocketPlace::handed_over(std::move(*handed_over));
  return patiently([&] { return SocketPlace::take(path); });
}

// Whether it is asked for or not: a run may want one for itself, and `status` tells.
SandboxPolicy sandbox_policy(const StartOptions& options, const ipc::Layout& layout,
                             const WorkerProgram& worker, const std::string& runtime) {
  SandboxPolicy policy;
  policy.every_run = options.sandbox;
  policy.ability = ask_for_ability(worker, layout);
  policy.hidden = {layout.data_dir(), layout.runs_dir(), options.socket_path, layout.project_lock(),
                   runtime};
  if (const auto why = policy.refusal(false)) log::error("Runs are refused: {}", *why);
  return policy;
}

ipc::Result<void> serve(const StartOptions& options, ServiceManager& manager) {
  auto gateway = parse_gateway_address(options.gateway);
  if (!gateway) return gateway.error();
  print_banner(options, *gateway);
  for (const std::string& warning : options.warnings) log::warning("{}", warning);
  const ipc::Layout layout(options.project_path, options.data_dir);
  if (auto made = layout.create(); !made) return made.error();
  auto locks = patiently([&] { return lock_project(layout); });
  if (!locks) return locks.error();
  auto worker = WorkerProgram::open(layout, options.toolchain_python);
  if (!worker) return worker.error();
  const auto reserve = std::make_shared<Reserve>(layout);
  (void)reserve->look();  // what follows may need the space
  auto place = place_of(layout.ledger_dir());
  if (!place) return place.error();
  LedgerStore::Opened opened;
  auto ledger = LedgerStore::open(layout.ledger_dir(), *place, opened,
                                  [&layout] { return Recovery::journals_left(layout); });
  if (!ledger) return ledger.error();
  ledger->when_full([reserve] { return reserve->give_up(); });
  auto bells = patiently([&] { return BellPlace::take(layout); });
  if (!bells) return bells.error();
  auto doorbell = patiently([&] { return ipc::listen_doorbell(bells->bell()); });
  if (!doorbell) return doorbell.error();
  auto socket = take_socket(options.socket_path, manager);
  if (!socket) return socket.error();
  SandboxPolicy sandbox = sandbox_policy(options, layout, *worker, bells->directory());
  Service service({options, layout, *gateway, std::move(*worker), *place, std::move(*ledger),
                   std::move(opened), bells->bell(), std::move(sandbox), reserve},
                  std::move(*socket), manager);
  if (auto ready = service.serve_metrics(options.metrics); !ready) return ready.error();
  auto served = service.run(std::move(*doorbell), options.socket_path);
  (void)bells->remove_abandoned(kLongestTidying);
  return served;
}

}  // namespace

int start(const StartOptions& options) {
  if (auto ready = log::write_to(
          {options.log_format, options.log_file, options.log_max_bytes, options.log_keep});
      !ready) {
    std::fprintf(stderr, "Error: %s\n", ready.error().message().c_str());
    return 1;
  }
  log::setup(options.log_level);
  std::signal(SIGPIPE, SIG_IGN);
  // Until there is something to reload; what it names will be read later than this anyway.
  if (::isatty(STDIN_FILENO) == 0) std::signal(SIGHUP, SIG_IGN);
  raise_descriptor_limit();
  become_subreaper();
  ask_for_short_slices();
  ServiceManager manager = ServiceManager::from_environment();
  if (auto served = serve(options, manager); !served) {
    manager.status(served.error().message());
    std::fprintf(stderr, "Error: %s\n", served.error().message().c_str());
    return 1;
  }
  return 0;
}

}  // namespace charter::supervisor
