// Staying with runs until they have ended.
#pragma once

#include <string>
#include <vector>

#include "client/control.h"
#include "client/outcome.h"

namespace charter::client {

struct AwaitOrder {
  std::vector<std::string> runs;  // each once
  bool known = false;             // the daemon has just answered for them
  bool show_events = false;
  bool json = false;
  Deadline deadline = kNever;
  std::string limit;  // the deadline in words
};

// Says how each run ends, and where one waits for an answer either asks the person present or says
// how to answer. Runs that are not the daemon's (yet) are looked up in their state files.
// Returns 0, kExitRunFailed when one has not completed, or kExitInterrupted when a question was
// left open.
[[nodiscard]] Expected<int> await_runs(const Target& target, const AwaitOrder& order);

}  // namespace charter::client
