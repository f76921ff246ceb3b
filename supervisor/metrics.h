// What the daemon counts of its own life, for /metrics. Loop only; each is one addition.
#pragma once

#include <array>
#include <cstdint>

#include "ipc/exposition.h"
#include "ipc/journal_frame.h"
#include "supervisor/run.h"

namespace charter::supervisor {

struct Metrics {
  // A frame of a living worker was read. Remembers in `burst` when its open step began.
  void frame_read(Burst& burst, const ipc::JournalFrame& frame);
  // The run has ended. One that ended before this daemon began is not counted.
  void run_ended(const Run& run);

  std::int64_t began_us;  // this daemon, since the epoch
  std::uint64_t runs_accepted = 0;
  std::array<std::uint64_t, 3> runs_ended{};  // completed, failed, cancelled
  ipc::Histogram run_time = ipc::Histogram::of_long_times();
  std::uint64_t memory_limit_hits = 0;  // runs that failed for it
  std::uint64_t pids_limit_hits = 0;
  std::uint64_t time_limit_hits = 0;

  std::uint64_t steps_started = 0;
  std::uint64_t steps_completed = 0;
  std::uint64_t steps_failed = 0;
  std::uint64_t steps_skipped = 0;
  std::uint64_t step_retries = 0;
  ipc::Histogram step_time = ipc::Histogram::of_long_times();

  ipc::Histogram spawn_time = ipc::Histogram::of_short_times();
  std::uint64_t spawn_failures = 0;
  std::uint64_t journal_bytes = 0;
  ipc::Histogram journal_sync_time = ipc::Histogram::of_short_times();
  ipc::Histogram ledger_sync_time = ipc::Histogram::of_short_times();
};

}  // namespace charter::supervisor
