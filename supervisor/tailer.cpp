#include "supervisor/tailer.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <memory>
#include <utility>

#include "ipc/codec.h"
#include "supervisor/burst.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

using Last = ipc::JournalSummary::Last;

// On average; after a quiet time this many go without waiting for one another.
constexpr std::chrono::milliseconds kGroupSpacing{3};
constexpr int kGroupsAtOnce = 4;

void apply_event(Run& run, const ipc::Event& event) {
  if (event.kind == "GatePendingEvent") run.waits_at = PauseKind::gate;
  if (event.kind == "InputPendingEvent") run.waits_at = PauseKind::input;
  if (event.kind == "StepStartEvent" || event.kind == "StepCompleteEvent" ||
      is_terminal(run.wire)) {
    run.waits_at = PauseKind::none;
  }
  if (!event.step_id.empty()) run.step = event.step_id;
  if (event.kind == "StepCompleteEvent" || event.kind == "StepSkippedEvent") run.step.clear();
}

}  // namespace

void apply_frame(Run& run, ipc::JournalSummary& summary, const ipc::JournalFrame& frame,
                 std::uint64_t end) {
  const std::string before = summary.status;
  ipc::fold(summary, frame, end);
  run.progress.end = end;
  run.progress.next_seq = summary.next_seq;
  run.pauses = summary.pauses;
  run.bursts = summary.bursts;
  run.updated_us = frame.at_us;
  if (summary.status != before) {
    if (const auto status = wire_status(summary.status); status && !is_terminal(run.wire)) {
      run.wire = *status;
    }
  }
  if (const auto* opened = std::get_if<ipc::Opened>(&frame.body)) {
    run.started_burst = true;
    if (opened->cause != "project") {
      ++run.fruitless_starts;
      ++run.stalled_bursts;
      run.goes_on = false;
    }
  }
  if (summary.step_begun || summary.last == Last::paused) run.fruitless_starts = 0;
  if (std::holds_alternative<ipc::Checkpoint>(frame.body) || summary.last == Last::paused) {
    run.stalled_bursts = 0;
  }
  if (const auto* event = std::get_if<ipc::Event>(&frame.body)) apply_event(run, *event);
  if (run.wire == WireStatus::failed) run.error = summary.error;
}

ipc::Result<bool> read_journal(int journal, Run& run, ipc::JournalSummary& summary,
                               const EndsAtHole& ends_at) {
  ipc::LogReader reader(journal);
  for (;;) {
    auto next = reader.next();
    if (!next) return next.error();
    if (next->outcome == ipc::LogReader::Outcome::end) return false;
    if (next->outcome == ipc::LogReader::Outcome::damaged) {
      if (next->hole && ends_at && ends_at(next->place, summary)) return true;
      summary.damaged = true;
      continue;
    }
    auto frame = ipc::decode_journal_frame(next->payload);
    if (frame) {
      apply_frame(run, summary, *frame, next->place.end);
    } else {
      run.progress.end = next->place.end;
      summary.damaged = summary.damaged || frame.error().code != std::errc::not_supported;
    }
  }
}

bool Tailer::read(const RunPtr& run) {
  const std::shared_ptr<Burst> burst = run->burst;
  if (burst == nullptr) return true;
  const std::uint64_t from = run->progress.end;
  const std::uint64_t events = run->progress.next_seq;
  bool whole = true;
  for (;;) {
    auto next = burst->reader.next();
    if (!next) {
      // What was cut off will not be there at the next try, either.
      whole = !next.error().code;
      if (whole || std::has_single_bit(++burst->failed_reads)) {
        log::error("Cannot read the journal of run {}: {}", run->id, next.error().message());
      }
      break;
    }
    if (next->outcome == ipc::LogReader::Outcome::end) break;
    if (next->outcome == ipc::LogReader::Outcome::damaged) {
      burst->summary.damaged = true;
      log::error("The journal of run {} is damaged between bytes {} and {}", run->id,
                 next->place.offset, next->place.end);
      continue;
    }
    auto frame = ipc::decode_journal_frame(next->payload);
    if (frame) {
      take(run, *frame, next->place.end);
    } else {
      run->progress.end = next->place.end;
      // A kind that this version does not know is nothing to worry about.
      if (frame.error().code != std::errc::not_supported) {
        burst->summary.damaged = true;
        log::error("The journal of run {} has a frame at byte {} that nobody can read", run->id,
                   next->place.offset);
      }
    }
  }
  if (whole) burst->failed_reads = 0;
  if (run->progress.end == from) return whole;
  if (hooks_.metrics != nullptr) hooks_.metrics->journal_bytes += run->progress.end - from;
  const Last last = burst->summary.last;
  const bool important =
      last == Last::terminal || last == Last::paused || burst->decided.end > from;
  if (important || (run->progress.next_seq > events && hooks_.wanted(*run))) sync(run);
  hooks_.read(run);
  return whole;
}

void Tailer::take(const RunPtr& run, const ipc::JournalFrame& frame, std::uint64_t end) {
  const bool begun = run->burst->summary.step_begun;
  if (hooks_.metrics != nullptr) hooks_.metrics->frame_read(*run->burst, frame);
  apply_frame(*run, run->burst->summary, frame, end);
  if (begun || !run->burst->summary.step_begun) return;
  if (const ipc::Command* decision = run->decision()) run->burst->decided = {decision->number, end};
}

// The journals of one group, synced one after the other: the first sync commits what the others
// share with it.
class Tailer::Group final : public DiskJob {
 public:
  Group(Tailer& tailer, std::vector<RunPtr> runs)
      : tailer_(tailer), disk_(tailer.disk_), mark_(tailer.mark_) {
    entries_.reserve(runs.size());
    for (RunPtr& run : runs) {
      names_ += run->id + '\n';
      entries_.push_back({run, run->burst->journal, run->progress, {}, {}});
    }
  }
  void work() override {
    mark_->set(names_);
    for (Entry& entry : entries_) {
      if (disk_.ending()) break;  // the next daemon syncs what it tells
      const auto begun = std::chrono::steady_clock::now();
      const int journal = entry.journal->get();
      if (::fdatasync(journal) != 0) {
        entry.result = ipc::errno_error("sync a journal");
        ipc::put_in_doubt(journal);
      } else if (ipc::in_doubt(journal)) {
        entry.result = ipc::plain_error("an earlier sync of its journal has failed");
      }
      entry.took = std::chrono::steady_clock::now() - begun;
    }
    mark_->clear();
  }
  void done() override {
    if (Metrics* metrics = tailer_.hooks_.metrics) {
      for (const Entry& entry : entries_) metrics->journal_sync_time.add(entry.took);
    }
    for (const Entry& entry : entries_) tailer_.synced(entry.run, entry.reached, entry.result);
    tailer_.group_done();
  }

 private:
  struct Entry {
    RunPtr run;
    std::shared_ptr<ipc::UniqueFd> journal;
    Progress reached;
    ipc::Result<void> result;
    std::chrono::steady_clock::duration took{};
  };
  Tailer& tailer_;
  const SyncThread& disk_;
  std::shared_ptr<SyncMark> mark_;
  std::string names_;
  std::vector<Entry> entries_;
};

// Writes a journal again, in the place of what a failed sync may have lost of it. Its worker may
// append meanwhile.
class Tailer::Mending final : public DiskJob {
 public:
  Mending(Tailer& tailer, RunPtr run)
      : tailer_(tailer), run_(std::move(run)), burst_(run_->burst), reached_(run_->progress) {}
  void work() override {
    // Most are open for reading alone.
    const std::string path = "/proc/self/fd/" + std::to_string(burst_->journal->get());
    const ipc::UniqueFd file(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    result_ = file ? ipc::mend_log(file.get(), reached_.synced_end, reached_.end)
                   : ipc::errno_error("open a journal");
  }
  void done() override { tailer_.mended(run_, burst_, reached_, result_); }

 private:
  Tailer& tailer_;
  RunPtr run_;
  std::shared_ptr<Burst> burst_;
  Progress reached_;
  ipc::Result<void> result_;
};

void Tailer::sync(const RunPtr& run) {
  const std::shared_ptr<Burst> burst = run->burst;
  if (burst == nullptr) return;
  if (burst->sync_failed) return mend_later(run);
  if (burst->sync_due) return;
  if (run->progress.synced_end >= run->progress.end) return;
  if (burst->sync_under_way) {
    burst->sync_wanted = true;
    return;
  }
  burst->sync_due = true;
  due_.push_back(run);
  sync_next_group();
}

// The first few of a quiet time go at once, so that a short run does not wait for its end; those
// that follow closely share a group, so that a run of many short steps does not keep the disk from
// everyone.
void Tailer::sync_next_group() {
  if (group_under_way_ || timer_set_ || due_.empty()) return;
  const auto now = BootClock::now();
  if (now < next_group_at_) {
    timer_set_ = true;
    timer_.expires_at(next_group_at_);
    timer_.async_wait([this](const boost::system::error_code& error) {
      if (error) return;
      timer_set_ = false;
      sync_next_group();
    });
    return;
  }
  std::vector<RunPtr> runs;
  for (RunPtr& run : std::exchange(due_, {})) {
    if (run->burst == nullptr) continue;
    run->burst->sync_due = false;
    run->burst->sync_under_way = true;
    runs.push_back(std::move(run));
  }
  if (runs.empty()) return;
  group_under_way_ = true;
  next_group_at_ =
      std::max(next_group_at_, now - (kGroupsAtOnce - 1) * kGroupSpacing) + kGroupSpacing;
  disk_.submit(std::make_unique<Group>(*this, std::move(runs)));
}

void Tailer::group_done() {
  group_under_way_ = false;
  sync_next_group();
}

void Tailer::synced(const RunPtr& run, const Progress& reached, const ipc::Result<void>& result) {
  const std::shared_ptr<Burst> burst = run->burst;
  if (burst == nullptr) return;
  burst->sync_under_way = false;
  if (!result) {
    // The kernel may have dropped what was not written, and tells so only once.
    log::error("Run {}: {}", run->id, result.error().message());
    burst->sync_failed = true;
    mend_later(run);
    hooks_.sync_failed(run);
    return;
  }
  const bool again = std::exchange(burst->sync_wanted, false);
  now_durable(run, reached);
  if (again) sync(run);
}

// A decision is not repeated once a step has begun behind it; a loss of power must not keep that
// and lose the step.
void Tailer::now_durable(const RunPtr& run, const Progress& reached) {
  run->progress.synced_end = reached.end;
  run->progress.synced_seq = reached.next_seq;
  Burst::Decided& decided = run->burst->decided;
  if (decided.number != 0 && decided.end <= reached.end) {
    hooks_.step_begun(run, std::exchange(decided, {}).number);
  }
  hooks_.durable(run);
}

void Tailer::mend_later(const RunPtr& run) {
  if (run->burst->unreadable || std::exchange(run->burst->mend_due, true)) return;
  in_doubt_.emplace_back(run, run->burst);
  if (std::exchange(mend_timer_set_, true)) return;
  mend_timer_.expires_after(mend_wait_);
  mend_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) mend_all();
  });
}

void Tailer::mend_all() {
  mend_timer_set_ = false;
  mend_wait_ = std::min(2 * mend_wait_, kMendLate);
  for (const auto& [one, its_burst] : std::exchange(in_doubt_, {})) {
    const RunPtr run = one.lock();
    const std::shared_ptr<Burst> burst = its_burst.lock();
    if (burst == nullptr) continue;
    burst->mend_due = run != nullptr && run->burst == burst;
    if (burst->mend_due) disk_.submit(std::make_unique<Mending>(*this, run));
  }
}

void Tailer::mended(const RunPtr& run, const std::shared_ptr<Burst>& burst, const Progress& reached,
                    const ipc::Result<void>& result) {
  burst->mend_due = false;
  if (run->burst != burst) return;
  if (result) {
    log::info("Run {}: its journal was written again and is durable", run->id);
    mend_wait_ = kMendSoon;
    burst->sync_failed = false;
    now_durable(run, reached);
    sync(run);
    return;
  }
  log::error("Run {}: {}", run->id, result.error().message());
  burst->unreadable = result.error().code == std::errc::bad_message;
  if (burst->unreadable) return hooks_.sync_failed(run);
  mend_later(run);
}

}  // namespace charter::supervisor
