// What exists only while a worker of a run lives: its guardian, the open journal, the doorbell.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ipc/journal.h"
#include "ipc/log_segment.h"
#include "ipc/unique_fd.h"
#include "supervisor/clock.h"
#include "supervisor/process_watch.h"

namespace charter::supervisor {

struct Burst {
  std::uint32_t number = 0;
  bool projecting = false;                 // worker mode `project` alone: no engine, no hello
  bool adopted = false;                    // made by an earlier supervisor
  std::string secret;                      // what its engine says in its hello; empty: unknown
  std::unique_ptr<ProcessWatch> guardian;  // null when nobody can be watched
  std::optional<int> exit_status;
  bool guardian_gone = false;

  std::shared_ptr<ipc::UniqueFd> journal;  // for reading and syncing; not the locked description
  ipc::LogReader reader;
  ipc::JournalSummary summary;
  std::uint32_t failed_reads = 0;  // in a row
  bool sync_due = false;           // in the tailer's next group
  bool sync_under_way = false;     // in its present one
  bool sync_wanted = false;        // and in the one after
  bool sync_failed = false;        // nothing that was read since is durable, until it is mended
  bool mend_due = false;           // it will be tried
  bool unreadable = false;         // nor can it be: what was read is lost

  // The decision that began it has its effect when the frame that begins the first step, which ends
  // here, is durable.
  struct Decided {
    std::uint64_t number = 0;  // of the command; 0: none, or told
    std::uint64_t end = 0;
  };
  Decided decided;

  int doorbell = 0;  // connections that said this run's hello
  BootClock::time_point begun = BootClock::now();
  std::chrono::steady_clock::time_point making_since = std::chrono::steady_clock::now();
  std::int64_t step_began_us = 0;  // the open step, as its event says; 0: none, or not known
  std::uint64_t began_at = 0;      // the journal's end when this burst was spawned or adopted
  bool kill_sent = false;
  std::uint64_t decision = 0;  // the number of the one that began it; 0: none, or not known
  // What is done once everything that was read is durable.
  enum class Closing { no, finish, pause };
  Closing closing = Closing::no;

  explicit Burst(std::shared_ptr<ipc::UniqueFd> file, std::uint64_t from)
      : journal(std::move(file)), reader(journal->get(), from), began_at(from) {}
};

}  // namespace charter::supervisor
