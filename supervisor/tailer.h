// Reads what workers append to their journals, keeps the runs' view of it, and makes durable what
// is about to be shown to anyone.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <vector>

#include "ipc/journal_frame.h"
#include "supervisor/clock.h"
#include "supervisor/metrics.h"
#include "supervisor/run.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

class Tailer {
 public:
  struct Hooks {
    std::function<bool(const Run&)> wanted;      // would anybody be shown a new event now?
    std::function<void(const RunPtr&)> read;     // frames were read
    std::function<void(const RunPtr&)> durable;  // progress.synced_* moved
    std::function<void(const RunPtr&)> sync_failed;
    std::function<void(const RunPtr&)> step_begun;  // the burst's first step has begun
    Metrics* metrics = nullptr;                     // outlives this; null: nobody counts
  };

  Tailer(boost::asio::any_io_executor executor, SyncThread& disk, Hooks hooks)
      : disk_(disk), hooks_(std::move(hooks)), timer_(std::move(executor)) {}

  // Reads to the journal's end, as far as it is now. Does nothing without a burst.
  void read(const RunPtr& run);
  // Makes everything that was read durable, then says so. Runs that ask within a few milliseconds
  // share one turn of the disk's thread.
  void sync(const RunPtr& run);

 private:
  void take(const RunPtr& run, const ipc::JournalFrame& frame, std::uint64_t end);
  class Group;
  void sync_next_group();
  void synced(const RunPtr& run, const Progress& reached, const ipc::Result<void>& result);
  void group_done();

  SyncThread& disk_;
  Hooks hooks_;
  Timer timer_;
  bool timer_set_ = false;
  bool group_under_way_ = false;
  BootClock::time_point next_group_at_;
  std::vector<RunPtr> due_;
};

// Applies one frame to what is kept of the run; `end` is where the frame ends.
void apply_frame(Run& run, ipc::JournalSummary& summary, const ipc::JournalFrame& frame,
                 std::uint64_t end);

// Asked at a hole in a journal (LogReader::Next): whether the journal ends there.
using EndsAtHole = std::function<bool(const ipc::FramePlace&, const ipc::JournalSummary&)>;

// Applies every frame of a journal, which has a header. Returns whether it was taken to end before
// the file does.
[[nodiscard]] ipc::Result<bool> read_journal(int journal, Run& run, ipc::JournalSummary& summary,
                                             const EndsAtHole& ends_at = {});

}  // namespace charter::supervisor
