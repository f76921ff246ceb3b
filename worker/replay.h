// What a run's journal says the run has done: enough to rebuild its state, to see how its last
// burst ended, and to go on numbering behind it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ipc/error.h"
#include "ipc/journal.h"
#include "worker/json/value.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

struct Replay {
  ipc::JournalSummary summary;
  std::string base;        // the state the latest burst began from, empty without one
  std::string first_base;  // the same of the first burst
  std::vector<ipc::Checkpoint> checkpoints;  // since `base`
  std::vector<GateRecord> decisions;         // since `base`
  std::size_t all_decisions = 0;             // of the whole journal
  std::optional<ipc::Event> last_event;
  std::int64_t last_at_us = 0;     // of the last frame
  std::int64_t exit_at_us = 0;     // of the latest exit frame
  std::optional<Value> last_step;  // the step entered last, since `base`
  bool open = false;               // it has begun and not ended
  bool went_on = false;            // a burst went on where a lost one had come to
  std::int64_t open_since_us = 0;

  // The state after the last frame. `blobs` is the run's directory of large outputs; `otherwise`
  // stands in for a base the journal does not have. Errors: no state, or a damaged one.
  [[nodiscard]] ipc::Result<RunState> state(const std::string& blobs,
                                            const std::string& otherwise) const;
};

// Reads the whole journal.
[[nodiscard]] ipc::Result<Replay> replay_journal(int fd);

// A member of an event's object; null when there is none.
[[nodiscard]] Value event_field(const ipc::Event& event, std::string_view name);

}  // namespace charter::worker
