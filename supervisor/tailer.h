// Reads what workers append to their journals, keeps the runs' view of it, and makes durable what
// is about to be shown to anyone. A journal whose sync failed is written again until the disk takes
// it (ipc/log_segment.h).
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ipc/journal_frame.h"
#include "supervisor/clock.h"
#include "supervisor/metrics.h"
#include "supervisor/run.h"
#include "supervisor/sync_mark.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

class Tailer {
 public:
  struct Hooks {
    std::function<bool(const Run&)> wanted;      // would anybody be shown a new event now?
    std::function<void(const RunPtr&)> read;     // frames were read
    std::function<void(const RunPtr&)> durable;  // progress.synced_* moved
    // Nothing more of it is durable until it was mended, which `durable` tells; or never
    // (Burst::unreadable).
    std::function<void(const RunPtr&)> sync_failed;
    // The first step of a burst that this decision began has begun, durably. Before `durable`.
    std::function<void(const RunPtr&, std::uint64_t number)> step_begun;
    Metrics* metrics = nullptr;  // outlives this; null: nobody counts
  };

  // `mark`: the file that says what is being synced (sync_mark.h).
  Tailer(const boost::asio::any_io_executor& executor, SyncThread& disk, std::string mark,
         Hooks hooks)
      : disk_(disk),
        mark_(std::make_shared<SyncMark>(std::move(mark))),
        hooks_(std::move(hooks)),
        timer_(executor),
        mend_timer_(executor) {}

  // Reads to the journal's end, as far as it is now. False when some of it could not be read: then
  // what was read so far says nothing of its end (Burst::failed_reads). Does nothing without a
  // burst.
  bool read(const RunPtr& run);
  // Makes everything that was read durable, then says so. Runs that ask within a few milliseconds
  // share one turn of the disk's thread. Of a journal that is in doubt it sees that it is mended.
  void sync(const RunPtr& run);

 private:
  // Between two tries to mend; longer and longer while none succeeds.
  static constexpr std::chrono::milliseconds kMendSoon{100};
  static constexpr std::chrono::milliseconds kMendLate{30'000};

  void take(const RunPtr& run, const ipc::JournalFrame& frame, std::uint64_t end);
  class Group;
  class Mending;
  void sync_next_group();
  void synced(const RunPtr& run, const Progress& reached, const ipc::Result<void>& result);
  void now_durable(const RunPtr& run, const Progress& reached);
  void group_done();
  void mend_later(const RunPtr& run);
  void mend_all();
  void mended(const RunPtr& run, const std::shared_ptr<Burst>& burst, const Progress& reached,
              const ipc::Result<void>& result);

  SyncThread& disk_;
  std::shared_ptr<SyncMark> mark_;  // the disk's thread's, which may outlive this
  Hooks hooks_;
  Timer timer_;
  bool timer_set_ = false;
  bool group_under_way_ = false;
  BootClock::time_point next_group_at_;
  std::vector<RunPtr> due_;
  Timer mend_timer_;
  bool mend_timer_set_ = false;
  std::chrono::milliseconds mend_wait_ = kMendSoon;
  std::vector<std::pair<std::weak_ptr<Run>, std::weak_ptr<Burst>>> in_doubt_;
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
