// Reads what workers append to their journals, keeps the runs' view of it, and makes durable what
// is about to be shown to anyone.
#pragma once

#include <functional>

#include "ipc/journal_frame.h"
#include "supervisor/run.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

class Tailer {
 public:
  struct Hooks {
    std::function<bool(const Run&)> wanted;         // would anybody be shown a new event now?
    std::function<void(const RunPtr&)> read;        // frames were read
    std::function<void(const RunPtr&)> durable;     // progress.synced_* moved
    std::function<void(const RunPtr&)> step_begun;  // the burst's first step has begun
  };

  Tailer(SyncThread& disk, Hooks hooks) : disk_(disk), hooks_(std::move(hooks)) {}

  // Reads to the journal's end, as far as it is now. Does nothing without a burst.
  void read(const RunPtr& run);
  // Makes everything that was read durable, then says so. Calls in between cost one more sync.
  void sync(const RunPtr& run);

 private:
  void take(const RunPtr& run, const ipc::JournalFrame& frame, std::uint64_t end);
  void synced(const RunPtr& run, const Progress& reached, const ipc::Result<void>& result);

  SyncThread& disk_;
  Hooks hooks_;
};

// Applies one frame to what is kept of the run; `end` is where the frame ends.
void apply_frame(Run& run, ipc::JournalSummary& summary, const ipc::JournalFrame& frame,
                 std::uint64_t end);

// Applies every frame of a journal. Its file is at least a header long.
[[nodiscard]] ipc::Result<void> read_journal(int journal, Run& run, ipc::JournalSummary& summary);

}  // namespace charter::supervisor
