// Makes the journals that a start has found durable, many at a time: each sync waits for the disk,
// also that of a journal whose bytes are all there.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ipc/error.h"
#include "ipc/unique_fd.h"
#include "supervisor/sync_mark.h"

namespace charter::supervisor {

// For one thread; those it makes end before finish() returns, and take no signals.
class JournalSyncs {
 public:
  using Done = std::function<void(const ipc::Result<void>&)>;

  // `mark`: where what is being synced is written meanwhile (sync_mark.h).
  explicit JournalSyncs(std::string mark) : mark_(std::move(mark)) {}

  // `file`: of the journal of `run`, which nobody writes to, up to `end` (bytes). A journal in
  // doubt is written again; one whose sync fails is in doubt. `done` is told, here or in finish();
  // until then the file stays open.
  void add(std::string run, std::shared_ptr<ipc::UniqueFd> file, std::uint64_t end, Done done);
  // All that were added are told of when it returns.
  void finish();

 private:
  struct Journal {
    std::string run;
    std::shared_ptr<ipc::UniqueFd> file;
    std::uint64_t end;
    Done done;
    ipc::Result<void> result{};
  };
  SyncMark mark_;
  std::vector<Journal> journals_;
};

}  // namespace charter::supervisor
