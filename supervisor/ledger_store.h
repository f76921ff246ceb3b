// The ledger's files: numbered segments in one directory.
//
//   0000000007.base   begins with a snapshot and replaces every segment with a lower number
//   0000000008.more   goes on; beside a base of its number it holds nothing
//   syncing           the number of the segment that is being synced (sync_mark.h)
//   holding           why the daemon starts nothing here until someone adopts the ledger
//   *.damaged         segments with damage in their middle, set aside after a new snapshot
//
// One user at a time: first whoever opens it, then the sync thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ipc/error.h"
#include "ipc/log_segment.h"
#include "ipc/unique_fd.h"
#include "supervisor/ledger_state.h"
#include "supervisor/sync_mark.h"

namespace charter::supervisor {

class LedgerStore {
 public:
  struct Opened {
    LedgerState state;
    bool fresh = false;    // there was no ledger; it holds where it was lost
    bool damaged = false;  // in the middle: something that was promised may be missing
    std::string holding;   // why nothing may be started; empty for a ledger in good order
  };

  // Whether there are runs that a ledger must have known. Asked where there is none: it was lost.
  using RunsLeft = std::function<ipc::Result<bool>()>;

  // Reads what is there into `opened` and stands ready to append behind it. `directory` exists.
  // Errors: a segment of an unknown version, or what the file system says.
  static ipc::Result<LedgerStore> open(const std::string& directory, const ipc::Place& here,
                                       Opened& opened, const RunsLeft& runs_left);

  // Appends encoded records with one write; with `durable`, syncs, and what was written before with
  // them. All or nothing: after an error none of them counts as written. A segment that cannot be
  // synced, nor written again, is left, and a snapshot is wanted to take its place; until then a
  // durable commit of nothing, which is for what was written before, is an error.
  ipc::Result<void> commit(std::span<const std::string> payloads, bool durable);

  // Behind a durable commit: that what was written before it is durable, too. An error until the
  // next snapshot where a segment was left.
  [[nodiscard]] ipc::Result<void> earlier_durable() const;

  // Called where the disk is full, on the thread that writes; true when there may be space now, and
  // what failed is tried again.
  void when_full(std::function<bool()> make_space) { make_space_ = std::move(make_space); }

  // Replaces everything by a new segment that holds `snapshot`, synced before the old ones go.
  // Until it returns success the old ones stay valid.
  ipc::Result<void> compact(std::span<const std::string> snapshot);

  // Enough has been written since the last snapshot for a new one to pay.
  [[nodiscard]] bool wants_compaction() const;

  // Someone decided that this place is right.
  ipc::Result<void> end_holding();

 private:
  explicit LedgerStore(std::string directory)
      : directory_(std::move(directory)), mark_(directory_ + "/syncing") {}

  [[nodiscard]] std::string path(std::uint64_t number, const char* suffix) const;
  ipc::Result<void> begin_segment();
  ipc::Result<void> sync();
  void raise_version(Opened& opened, const ipc::Place& here);
  ipc::Result<void> try_commit(std::span<const std::string> payloads, bool durable);
  void drop_replaced_segments(std::uint64_t base);

  std::string directory_;
  SyncMark mark_;
  std::function<bool()> make_space_;
  ipc::UniqueFd file_;
  std::optional<ipc::LogWriter> writer_;  // none: the next commit begins a segment
  std::uint64_t number_ = 0;              // of the latest segment
  std::size_t segments_ = 0;              // since the base, it included
  std::uint64_t base_bytes_ = 0;
  std::uint64_t added_bytes_ = 0;
  bool in_doubt_ = false;   // the disk may not have all of a segment that is not the newest
  bool set_aside_ = false;  // the next compaction keeps the old segments under another name
};

}  // namespace charter::supervisor
