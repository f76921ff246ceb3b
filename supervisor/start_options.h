// What `charter-daemon start` was told, checked: by flags, environment and configuration file.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "ipc/error.h"
#include "ipc/option_table.h"
#include "supervisor/link/tls_settings.h"
#include "supervisor/metrics_place.h"
#include "supervisor/retention_settings.h"

namespace charter::supervisor {

// What a gateway is sent again after a reconnect: everything of active runs and what is
// unconfirmed, or only the latter.
enum class Replay { active, unconfirmed };

struct StartOptions {
  std::string project_path;  // absolute, links resolved, holds charter.yml
  std::string gateway;       // base URL as given; its form is checked
  std::string worker_id;
  int max_runs = 4;
  std::chrono::milliseconds heartbeat_interval{5000};
  std::chrono::milliseconds reconnect_delay{1000};
  std::chrono::milliseconds connect_timeout{5000};
  std::string socket_path;          // absolute, at most ipc::kMaxSocketPath bytes
  std::string log_level = "info";   // debug, info, warning, error
  std::string log_format = "text";  // text, json, journald
  std::string log_file;             // absolute, or empty for standard error
  std::uint64_t log_max_bytes = 0;  // after which a file is begun anew; 0: never
  int log_keep = 5;                 // earlier files that are kept
  std::chrono::milliseconds kill_grace{10'000};
  std::chrono::milliseconds setup_timeout{60'000};  // of an integration
  std::chrono::milliseconds teardown_timeout{10'000};
  std::uint64_t step_output_max = 64U << 20;  // bytes
  std::uint64_t run_log_max = 16U << 20;      // bytes kept of what a run prints; 0: none
  std::chrono::milliseconds run_time_max{0};  // of a stretch of execution; 0: no limit
  std::uint64_t run_memory_max = 0;           // bytes; 0: no limit, here and below
  std::uint64_t run_pids_max = 0;             // processes and threads
  std::uint64_t run_cpu_max = 0;              // per cent of one processor
  bool sandbox = false;                       // every run's steps and integrations in one
  std::uint64_t max_request_bytes = 64U << 20;
  std::string data_dir;          // absolute, or empty for the default
  std::string toolchain_python;  // absolute, or empty for that of the `charter` command on PATH
  Replay replay = Replay::active;
  bool resume_lost = false;  // what becomes of runs whose workers are lost, where none has said so
  RetentionSettings retention;
  MetricsPlace metrics;      // where they are served; a path is absolute
  bool offer_capnp = true;   // charter.capnp.v1 to the gateway
  bool gateway_logs = true;  // what runs print is told to a gateway that asks
  bool insecure_token = false;
  std::string token_file;             // read anew at each connection, in place of `token`; or empty
  TlsSettings tls;                    // of an https gateway
  std::string token;                  // bearer token for the gateway, empty for none; never log it
  std::string config;                 // the configuration file that was read, or empty
  std::vector<std::string> warnings;  // for the log, once it is there
  std::vector<std::string> arguments;                     // of the command line, to be read again
  std::map<std::string, std::string, std::less<>> texts;  // each option as given; never log it
};

// The table of `start`.
[[nodiscard]] const ipc::CommandSpec& start_command();

// Checks the values and completes them. Takes the gateway token out of this process's
// environment, so that no child and no /proc reader of a later moment finds it there. A usage
// error means exit code 2, any other error 1.
[[nodiscard]] ipc::Result<StartOptions> check_start_options(const ipc::OptionValues& values);

}  // namespace charter::supervisor
