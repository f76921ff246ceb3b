#include "supervisor/ledger.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "ipc/codec.h"
#include "ipc/journal.h"
#include "ipc/layout.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr std::chrono::milliseconds kNoteDelay{50};
constexpr std::chrono::milliseconds kRetryDelay{1000};
constexpr std::chrono::milliseconds kCompactionRetry{30'000};

}  // namespace

// One group on its way through the sync thread.
class Ledger::Group final : public DiskJob {
 public:
  Group(Ledger& ledger, std::vector<Entry> entries, bool durable)
      : ledger_(ledger), store_(ledger.store_), entries_(std::move(entries)), durable_(durable) {}

  void work() override {
    std::vector<std::string> payloads;
    bool wanted = false;  // also for what was noted before, and nothing new
    for (Entry& entry : entries_) {
      if (entry.before) {
        if (auto ready = entry.before(); !ready) {
          entry.error = ready.error();
          continue;
        }
      }
      wanted = true;
      for (std::string& payload : entry.payloads) {
        payloads.push_back(entry.note ? payload : std::move(payload));
      }
    }
    if (wanted) {
      const auto begun = std::chrono::steady_clock::now();
      if (auto committed = store_->commit(payloads, durable_); !committed) fail(committed.error());
      if (durable_) took_ = std::chrono::steady_clock::now() - begun;
    }
    if (auto earlier = store_->earlier_durable(); !earlier) fail_without_payload(earlier.error());
    sync_directories();
    wants_compaction_ = store_->wants_compaction();
  }

  void done() override {
    if (took_ && ledger_.metrics_ != nullptr) ledger_.metrics_->ledger_sync_time.add(*took_);
    ledger_.written(std::move(entries_), wants_compaction_);
  }

 private:
  void fail(const ipc::Error& error) {
    for (Entry& entry : entries_) {
      if (!entry.error) entry.error = error;
    }
  }
  // Those that ask for what was written before.
  void fail_without_payload(const ipc::Error& error) {
    for (Entry& entry : entries_) {
      if (!entry.error && entry.payloads.empty()) entry.error = error;
    }
  }
  void sync_directories() {
    std::set<std::string> directories;
    for (const Entry& entry : entries_) {
      if (!entry.error && !entry.directory.empty()) directories.insert(entry.directory);
    }
    for (const std::string& directory : directories) {
      if (auto synced = ipc::sync_directory(directory); !synced) {
        for (Entry& entry : entries_) {
          if (!entry.error && entry.directory == directory) entry.error = synced.error();
        }
      }
    }
  }

  Ledger& ledger_;
  std::shared_ptr<LedgerStore> store_;
  std::vector<Entry> entries_;
  bool durable_;
  bool wants_compaction_ = false;
  std::optional<std::chrono::steady_clock::duration> took_;
};

class Ledger::Compaction final : public DiskJob {
 public:
  Compaction(Ledger& ledger, const std::vector<ipc::LedgerRecord>& records)
      : ledger_(ledger), store_(ledger.store_) {
    payloads_.reserve(records.size());
    for (const ipc::LedgerRecord& record : records) payloads_.push_back(ipc::encode(record));
  }
  void work() override { result_ = store_->compact(payloads_); }
  void done() override { ledger_.compacted(result_); }

 private:
  Ledger& ledger_;
  std::shared_ptr<LedgerStore> store_;
  std::vector<std::string> payloads_;
  ipc::Result<void> result_;
};

Ledger::Ledger(boost::asio::any_io_executor executor, SyncThread& disk, LedgerStore store)
    : disk_(disk),
      store_(std::make_shared<LedgerStore>(std::move(store))),
      timer_(std::move(executor)) {
  compact_next_ = store_->wants_compaction();
}

void Ledger::snapshot_from(Snapshot snapshot) {
  snapshot_ = std::move(snapshot);
  if (compact_next_) write_soon();
}

void Ledger::append(std::vector<ipc::LedgerRecord> records, Done done, Before before,
                    std::string directory) {
  Entry entry;
  for (ipc::LedgerRecord& record : records) {
    if (record.at_us == 0) record.at_us = ipc::now_us();
    entry.payloads.push_back(ipc::encode(record));
    if (entry.payloads.back().size() > ipc::kMaxFrameBytes) return refuse(std::move(done));
  }
  entry.done = std::move(done);
  entry.before = std::move(before);
  entry.directory = std::move(directory);
  waiting_.push_back(std::move(entry));
  urgent_ = true;
  next();
}

// In its turn, like every answer; and it is no trouble of the disk's.
void Ledger::refuse(Done done) {
  Entry entry;
  entry.done = std::move(done);
  entry.before = [] {
    return ipc::Result<void>(ipc::Error{std::make_error_code(std::errc::message_size),
                                        "a record is too large for the ledger"});
  };
  waiting_.push_back(std::move(entry));
  urgent_ = true;
  next();
}

void Ledger::append(ipc::LedgerRecord record, Done done) {
  std::vector<ipc::LedgerRecord> records;
  records.push_back(std::move(record));
  append(std::move(records), std::move(done));
}

void Ledger::note(ipc::LedgerRecord record) {
  if (record.at_us == 0) record.at_us = ipc::now_us();
  Entry entry;
  entry.payloads.push_back(ipc::encode(record));
  entry.note = true;
  waiting_.push_back(std::move(entry));
  write_soon();
}

void Ledger::write_soon() {
  if (timer_set_ || busy_) return;
  timer_set_ = true;
  timer_.expires_after(trouble_.empty() ? kNoteDelay : kRetryDelay);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;
    timer_set_ = false;
    next();
  });
}

bool Ledger::may_compact() const {
  return compact_next_ && snapshot_ && BootClock::now() >= compact_after_;
}

void Ledger::next() {
  if (busy_) return;
  if (may_compact()) {
    compact_next_ = false;
    busy_ = true;
    disk_.submit(std::make_unique<Compaction>(*this, snapshot_()));
    return;
  }
  if (waiting_.empty()) {
    for (auto& done : std::exchange(drained_, {})) done();
    return;
  }
  busy_ = true;
  const bool durable = urgent_ || !drained_.empty();
  urgent_ = false;
  disk_.submit(std::make_unique<Group>(*this, std::exchange(waiting_, {}), durable));
}

void Ledger::written(std::vector<Entry> entries, bool wants_compaction) {
  trouble_.clear();
  std::vector<Entry> late;
  for (Entry& entry : entries) {
    if (entry.error && trouble_.empty() && !entry.before) trouble_ = entry.error->message();
  }
  // Still busy: what a callback appends waits for the next group, and a compaction cannot begin
  // between two callbacks.
  for (Entry& entry : entries) {
    if (entry.done) {
      entry.done(entry.error ? ipc::Result<void>(*entry.error) : ipc::Result<void>());
    } else if (entry.error) {
      late.push_back(std::move(entry));
    }
  }
  busy_ = false;
  compact_next_ = wants_compaction;
  keep_for_later(std::move(late));
  if (urgent_ || may_compact() || !drained_.empty()) {
    next();
  } else if (!waiting_.empty()) {
    write_soon();
  }
}

void Ledger::keep_for_later(std::vector<Entry> notes) {
  if (notes.empty()) return;
  log::warning("Cannot write to the ledger, {} notes wait: {}", notes.size(), trouble_);
  for (Entry& note : notes) note.error.reset();
  if (!drained_.empty()) return;  // the end is near, and recovery can do without notes
  waiting_.insert(waiting_.begin(), std::make_move_iterator(notes.begin()),
                  std::make_move_iterator(notes.end()));
}

void Ledger::compacted(const ipc::Result<void>& result) {
  busy_ = false;
  if (!result) {
    log::warning("Cannot compact the ledger: {}", result.error().message());
    compact_after_ = BootClock::now() + kCompactionRetry;
  }
  next();
}

void Ledger::drain(std::function<void()> done) {
  drained_.push_back(std::move(done));
  next();
}

void Ledger::end_holding(std::function<void(const ipc::Result<void>&)> done) {
  auto result = std::make_shared<ipc::Result<void>>();
  disk_.run([store = store_, result] { *result = store->end_holding(); },
            [result, done = std::move(done)] { done(*result); });
}

}  // namespace charter::supervisor
