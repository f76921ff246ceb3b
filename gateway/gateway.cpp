#include "gateway/gateway.h"

#include <fcntl.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include "gateway/access.h"
#include "gateway/api.h"
#include "gateway/hub.h"
#include "gateway/listener.h"
#include "gateway/options.h"
#include "gateway/retention.h"
#include "gateway/services.h"
#include "gateway/store_thread.h"
#include "ipc/browser.h"

namespace charter::gateway {
namespace {

namespace net = boost::asio;

// Both together stay under the second in which the end is promised.
constexpr std::chrono::milliseconds kGoodbyeLimit{450};
constexpr std::chrono::milliseconds kStoreLimit{350};
constexpr std::chrono::milliseconds kGoodbyeStep{5};

void log_to_stderr(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("gateway",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %l %v");
  logger->set_level(level == "warning" ? spdlog::level::warn : spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
}

void make_data_directory(const std::string& path) {
  // The database and its log hold what runs produce: they are nobody else's.
  ::umask(077);
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw std::runtime_error("cannot make " + path + ": " + error.message());
}

// The parts and how they hold together; construction opens and binds, `run` serves.
class Gateway {
 public:
  explicit Gateway(const GatewayOptions& options)
      : access_(options.token),
        signals_(loop_, SIGTERM, SIGINT),
        goodbye_(loop_),
        store_(options.data, loop_.get_executor(), [this](const std::string& what) { fail(what); }),
        hub_(loop_.get_executor(), store_),
        api_(store_, hub_),
        retention_(loop_.get_executor(), store_, options.retention),
        listener_(loop_, options.listen, services_) {}

  [[nodiscard]] std::string url() const { return "http://" + listener_.address(); }

  int run() {
    signals_.async_wait([this](boost::system::error_code error, int number) {
      if (!error) stop(::strsignal(number));
    });
    store_.start();
    hub_.start();
    listener_.start();
    retention_.start();
    loop_.run();
    if (!store_.stop(kStoreLimit)) {
      // The disk does not answer. What was acknowledged is on it.
      spdlog::warn("the database did not close in time");
      spdlog::shutdown();
      ::_exit(exit_code_);
    }
    return exit_code_;
  }

 private:
  void stop(const std::string& reason) {
    spdlog::info("ending: {}", reason);
    retention_.stop();
    listener_.stop();
    hub_.close_all();
    end_by_ = std::chrono::steady_clock::now() + kGoodbyeLimit;
    wait_for_goodbyes();
  }

  // Daemons may still be answering their close frames, and what they said before may still be on
  // its way to the disk.
  void wait_for_goodbyes() {
    const bool done = hub_.empty() && store_.idle();
    if (done || std::chrono::steady_clock::now() >= end_by_) return loop_.stop();
    goodbye_.expires_after(kGoodbyeStep);
    goodbye_.async_wait([this](boost::system::error_code error) {
      if (!error) wait_for_goodbyes();
    });
  }

  void fail(const std::string& what) {
    spdlog::critical("the database can no longer be used: {}", what);
    exit_code_ = 1;
    loop_.stop();
  }

  Access access_;
  net::io_context loop_{1};
  net::signal_set signals_;
  net::steady_timer goodbye_;
  StoreThread store_;
  Hub hub_;
  Api api_;
  Retention retention_;
  const Services services_{access_, store_, hub_, api_};
  Listener listener_;
  std::chrono::steady_clock::time_point end_by_;
  int exit_code_ = 0;
};

int serve(const GatewayOptions& options) {
  // A file that may not grow is an error of the write, as a full disk is.
  ::signal(SIGXFSZ, SIG_IGN);
  log_to_stderr(options.log_level);
  for (const std::string& warning : options.warnings) spdlog::warn("{}", warning);
  make_data_directory(options.data);
  Gateway gateway(options);
  const std::string url = gateway.url();
  std::printf("charter-daemon gateway listening on %s\n", url.c_str());
  std::fflush(stdout);
  if (options.open) {
    // Nobody waits for the opener, so the kernel reaps it.
    ::signal(SIGCHLD, SIG_IGN);
    if (!ipc::open_in_browser(url)) spdlog::warn("no browser could be started");
  }
  return gateway.run();
}

int usage(const ipc::Error& error) {
  std::fprintf(stderr, "%s\nError: %s\n", ipc::usage_hint(gateway_command()).c_str(),
               error.what.c_str());
  return ipc::kExitUsage;
}

}  // namespace

int gateway_main(int argc, char** argv) {
  const auto values =
      ipc::read_options(gateway_command(), {argv + 1, static_cast<std::size_t>(argc - 1)});
  if (!values) return usage(values.error());
  if (values->help_asked()) {
    std::fputs(ipc::help_text(gateway_command()).c_str(), stdout);
    return 0;
  }
  const auto options = check_gateway_options(*values);
  if (!options) return usage(options.error());
  try {
    return serve(*options);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "Error: %s\n", error.what());
    return 1;
  }
}

}  // namespace charter::gateway
