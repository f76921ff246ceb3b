// The supervisor's one log of promises. What is appended is durable when its callback says so;
// everything that waits at one moment shares a write and a sync.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ipc/error.h"
#include "ipc/ledger_record.h"
#include "supervisor/clock.h"
#include "supervisor/ledger_store.h"
#include "supervisor/metrics.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

// Event loop only. Destroy it after the SyncThread's last done().
class Ledger {
 public:
  using Done = std::function<void(const ipc::Result<void>&)>;
  // Work on the sync thread before the record is written: what the record speaks of must exist
  // first. An error keeps the record out and goes to `done`.
  using Before = std::function<ipc::Result<void>()>;
  using Snapshot = std::function<std::vector<ipc::LedgerRecord>()>;

  Ledger(boost::asio::any_io_executor executor, SyncThread& disk, LedgerStore store);

  // Where the records of a compaction come from: all facts whose done() has been called, and the
  // notes. Called on the loop while nothing is under way; soon, where the store wants it.
  void snapshot_from(Snapshot snapshot);

  // Appends records together, durably. `directory`, when not empty, is made durable as well. A
  // record that is longer than a frame can be is refused (std::errc::message_size).
  void append(std::vector<ipc::LedgerRecord> records, Done done, Before before = {},
              std::string directory = {});
  void append(ipc::LedgerRecord record, Done done);

  // Rides along: written soon, synced with the next record that needs it, and tried again when it
  // could not be written. For what may lag behind the truth.
  void note(ipc::LedgerRecord record);

  // Calls `done` when everything noted so far is durable.
  void sync_notes(Done done) { append(std::vector<ipc::LedgerRecord>(), std::move(done)); }

  // Calls `done` when everything that waits has been written and synced (or could not be).
  void drain(std::function<void()> done);

  // Where the times of its syncs are counted; it outlives this.
  void count_in(Metrics& metrics) { metrics_ = &metrics; }

  // The last error of a write; empty when writes succeed.
  [[nodiscard]] const std::string& trouble() const { return trouble_; }

  void end_holding(std::function<void(const ipc::Result<void>&)> done);

 private:
  struct Entry {
    std::vector<std::string> payloads;
    Done done;
    Before before;
    std::string directory;
    bool note = false;
    std::optional<ipc::Error> error;
  };
  class Group;
  class Compaction;

  void refuse(Done done);
  void next();
  [[nodiscard]] bool may_compact() const;
  void write_soon();
  void written(std::vector<Entry> entries, bool wants_compaction);
  void compacted(const ipc::Result<void>& result);
  void keep_for_later(std::vector<Entry> notes);

  SyncThread& disk_;
  std::shared_ptr<LedgerStore> store_;  // on the sync thread while busy_
  Snapshot snapshot_;
  std::vector<Entry> waiting_;
  bool busy_ = false;
  bool urgent_ = false;  // something in waiting_ is not a note
  bool timer_set_ = false;
  bool compact_next_ = false;
  BootClock::time_point compact_after_{};
  Timer timer_;
  std::vector<std::function<void()>> drained_;
  std::string trouble_;
  Metrics* metrics_ = nullptr;
};

}  // namespace charter::supervisor
