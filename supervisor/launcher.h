// Starts a worker for a run: locks its journal, hands over the job, spawns the guardian.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "ipc/error.h"
#include "ipc/job.h"
#include "ipc/layout.h"
#include "supervisor/metrics.h"
#include "supervisor/run.h"
#include "supervisor/run_limits.h"
#include "supervisor/sandbox_policy.h"
#include "supervisor/spawner.h"
#include "supervisor/standby.h"
#include "supervisor/worker_program.h"

namespace charter::supervisor {

// Why a worker is started.
enum class Cause { start, resume, input, go_on, project };

struct LaunchOrder {
  Cause cause = Cause::start;
  const ipc::Command* command = nullptr;  // resume, input; project: the cancellation
  std::string reason;                     // project: what the journal cannot tell
};

// Why a run has no worker.
struct LaunchFault {
  ipc::Error error;
  bool own = false;  // the run's alone; otherwise nobody's, and others would meet with it, too
};

class Launcher {
 public:
  struct Settings {
    std::string doorbell;
    std::chrono::milliseconds kill_grace;
    std::chrono::milliseconds setup_timeout{60'000};     // of an integration
    std::chrono::milliseconds teardown_timeout{10'000};  // the same
    std::uint64_t step_output_max = 64U << 20;           // bytes
    std::uint64_t run_log_max = 16U << 20;               // bytes
    std::chrono::milliseconds run_time_max{0};           // of a burst; 0: no limit
    const RunLimits* limits = nullptr;                   // outlives this; null: none
    std::string worker_id = {};
    Metrics* metrics = nullptr;  // outlives this; null: nobody counts
  };
  using Ended = std::function<void(const RunPtr&, std::optional<int> status)>;

  // Without a fault there is a worker.
  using Done = std::function<void(const std::optional<LaunchFault>&)>;

  // All but the settings outlive this.
  Launcher(boost::asio::any_io_executor executor, const WorkerProgram& worker,
           const ipc::Layout& layout, Spawner& spawner, const SandboxPolicy& sandbox,
           Settings settings, Ended ended);

  // For bursts to come: the time of one (0: no limit), and what a step may print, in bytes.
  void set_limits(std::chrono::milliseconds run_time_max, std::uint64_t step_output_max) {
    settings_.run_time_max = run_time_max;
    settings_.step_output_max = step_output_max;
  }

  // A run with Python integrations has been prepared, and will be launched here.
  void expect_python() {
    if (!sandbox_.every_run) standby_.expect();
  }

  // Calls `done` later, or at once where nothing could be begun. On success the run has a burst and
  // its worker the lock; until then the burst is in run->launching. On error nothing has changed.
  void launch(const RunPtr& run, const LaunchOrder& order, Done done);

 private:
  [[nodiscard]] LaunchFault fault(ipc::Error error) const;
  ipc::Result<ipc::UniqueFd> open_journal(Run& run) const;
  ipc::Result<void> name_journal(Run& run) const;
  ipc::Result<std::string> first_state(const Run& run) const;
  ipc::Result<ipc::Job> make_job(const Run& run, const LaunchOrder& order,
                                 std::uint32_t number) const;
  ipc::Result<void> spawn_worker(const RunPtr& run, const ipc::Job& job, ipc::UniqueFd journal,
                                 Done done);
  void begin(const RunPtr& run, ipc::UniqueFd journal, ipc::UniqueFd job, Done done);
  void spawned(const RunPtr& run, SpawnedProcess process);

  boost::asio::any_io_executor executor_;
  const WorkerProgram& worker_;
  const ipc::Layout& layout_;
  Spawner& spawner_;
  const SandboxPolicy& sandbox_;
  Settings settings_;
  Ended ended_;
  Standby standby_;
};

// 32 hexadecimal digits from the kernel's random numbers.
[[nodiscard]] std::string random_secret();

}  // namespace charter::supervisor
