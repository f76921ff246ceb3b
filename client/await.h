// Staying with runs until they have ended.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/control.h"
#include "client/outcome.h"

namespace charter::client {

struct AwaitOrder {
  std::vector<std::string> runs;  // each once
  bool known = false;             // the daemon has just answered for them
  bool show_events = false;
  std::int64_t from = 0;  // the first event to show
  bool json = false;
  Deadline deadline = kNever;
  std::string limit;  // the deadline in words
};

// Says how each run ends, with its outputs where its events were shown or in JSON, and where one
// waits for an answer either asks the person present or says how to answer. Runs that are not the
// daemon's (yet) are looked up in their state files. Returns 0, kExitRunFailed when one has not
// completed, or kExitInterrupted when a question was left open.
[[nodiscard]] Expected<int> await_runs(const Target& target, const AwaitOrder& order);

// How many events the daemon has of a run; 0 when it does not know it (yet).
[[nodiscard]] std::int64_t events_so_far(const Target& target, const std::string& run);
// Follows a run that was just answered from event `from` on, and returns as await_runs does.
[[nodiscard]] Expected<int> follow_on(const Target& target, const std::string& run,
                                      std::int64_t from, bool json);

}  // namespace charter::client
