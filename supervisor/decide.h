// The recovery table of registry.h as one pure function, used at start and whenever a worker has
// ended.
#pragma once

#include <cstdint>

#include "ipc/journal.h"

namespace charter::supervisor {

inline constexpr std::uint32_t kMaxFruitlessStarts = 3;
inline constexpr std::uint32_t kMaxStalledBursts = 3;

// What is known of a run when the question is asked.
struct Facts {
  bool in_ledger = true;
  bool has_journal = true;  // one with a header; nothing was promised by one without
  bool locked = false;      // a worker lives
  bool damaged = false;     // the journal cannot be read at all
  bool cancel = false;      // a cancellation or kill was accepted and has not taken effect
  bool decision = false;    // an approval, refusal or input for the latest pause was accepted
  bool silent = false;      // the worker that just ended had written nothing at all
  bool spawned = false;     // the ledger knows of a worker, before which the journal was durable
  std::uint64_t delivered_to = 0;      // how far the journal's events were surely confirmed
  std::uint32_t fruitless_starts = 0;  // bursts in a row that died before any step
  bool resume = false;   // with its worker lost the run goes on behind its last finished step
  bool goes_on = false;  // the worker that just ended was to do that
  std::uint32_t stalled_bursts = 0;  // bursts in a row that finished no step
};

enum class Action {
  queue,            // wait for a slot
  adopt,            // a worker lives: watch it
  unreachable,      // a worker of an unknown run lives: show it
  start_again,      // nothing of the workflow has happened
  repeat_decision,  // the burst a decision began died before any step
  go_on,            // behind the last finished step; what was begun is begun again
  pause,            // the state file is the truth; accepted commands take effect now
  finish,           // deliver what is left and close
  project_lost,     // one terminal event that says what was lost
  project_starts,   // the same: it never got to its first step
  project_stalled,  // the same: it went on, and on, and finished no step
  project_cancel,   // one terminal event: cancelled
  kill,             // a worker lives and shall not: the kill ladder
  hold,             // a person has to look
};

// Whether the worker may have left processes of its steps behind, which are ended first.
[[nodiscard]] bool leaves_processes(Action action);

[[nodiscard]] Action decide(const Facts& facts, const ipc::JournalSummary& journal);

}  // namespace charter::supervisor
