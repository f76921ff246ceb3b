// What a worker is told when it is spawned, and what it says first on the doorbell.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/error.h"
#include "ipc/ledger_record.h"
#include "ipc/run_limits.h"
#include "ipc/sandbox.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

inline constexpr std::uint32_t kJobVersion = 1;

// The descriptors a worker in mode `run` or `project` finds open besides 0 (/dev/null), 1 and 2.
inline constexpr int kJournalFd = 3;  // the journal, locked; the lock is the worker's life sign
inline constexpr int kJobFd = 4;      // a sealed memory file with the encoded Job

struct Job {
  std::string run_id;
  std::string project_root;
  std::string data_dir;
  std::string doorbell;
  std::string secret;
  std::uint32_t burst = 1;
  std::string cause;  // start, resume, input, continue, project
  std::string state;
  std::optional<Command> command;
  std::uint64_t kill_grace_ms = 10'000;
  std::uint64_t next_seq = 0;
  std::string reason;
  std::uint32_t pauses = 0;
  std::uint64_t setup_timeout_ms = 0;     // of an integration's setup; 0: the default
  std::uint64_t teardown_timeout_ms = 0;  // the same of its teardown
  std::uint64_t step_output_max = 0;      // bytes a step may print; 0: the default
  std::string workflow_path;              // of the plan's file; empty when it is not known
  std::uint64_t run_time_max_ms = 0;      // what the burst may take; 0: no limit
  bool resume_lost = false;               // a crash is no end: the supervisor lets the run go on
  std::string retry_of;                   // whose artifacts the state refers to, or empty
  RunLimits limits;
  std::string worker_id;      // as gateways and event stores know the daemon
  Sandbox sandbox;            // of its steps and integrations
  std::uint64_t log_max = 0;  // bytes kept of what steps print; 0: nothing is
};

[[nodiscard]] std::string encode(const Job& job);
[[nodiscard]] Result<Job> decode_job(std::string_view bytes);

// Puts `bytes` into a sealed, close-on-exec memory file positioned at its start.
[[nodiscard]] Result<UniqueFd> memory_file(std::string_view bytes);
// Reads a whole memory file or pipe to its end, at most `limit` bytes.
[[nodiscard]] Result<std::string> read_all(int fd, std::size_t limit);
// Writes all of it, where the descriptor stands. False: errno says why not.
[[nodiscard]] bool write_all(int fd, std::string_view bytes);

}  // namespace charter::ipc
