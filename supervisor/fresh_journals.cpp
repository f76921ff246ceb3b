#include "supervisor/fresh_journals.h"

#include <memory>
#include <string>
#include <utility>

#include "ipc/journal.h"
#include "supervisor/log.h"

namespace charter::supervisor {

class FreshJournals::Group final : public DiskJob {
 public:
  Group(FreshJournals& journals, std::vector<RunPtr> runs)
      : journals_(journals), disk_(journals.disk_) {
    directory_ = journals.layout_.journals_dir();
    for (RunPtr& run : runs) {
      std::string path = journals.layout_.journal(run->id);
      entries_.push_back({std::move(run), std::move(path), ipc::UniqueFd()});
    }
  }
  void work() override {
    for (Entry& entry : entries_) {
      if (disk_.ending()) return;  // recovery makes them
      entry.journal = ipc::create_journal(entry.path);
    }
    auto synced = ipc::sync_directory(directory_);
    named_ = static_cast<bool>(synced);
    if (!named_) {
      for (Entry& entry : entries_) entry.journal = synced.error();
    }
  }
  void done() override {
    journals_.busy_ = false;
    for (Entry& entry : entries_) {
      const bool there = entry.journal || entry.journal.error().code == std::errc::file_exists;
      entry.run->journal_named = named_ && there;
      journals_.done(entry.run, std::move(entry.journal));
    }
    journals_.next();
  }

 private:
  struct Entry {
    RunPtr run;
    std::string path;
    ipc::Result<ipc::UniqueFd> journal;
  };
  FreshJournals& journals_;
  const SyncThread& disk_;
  std::string directory_;
  bool named_ = false;  // the directory was synced behind them
  std::vector<Entry> entries_;
};

void FreshJournals::make(const RunPtr& run) {
  ++run->files_busy;
  waiting_.push_back(run);
  next();
}

void FreshJournals::next() {
  if (busy_ || waiting_.empty()) return;
  busy_ = true;
  disk_.submit(std::make_unique<Group>(*this, std::exchange(waiting_, {})));
}

void FreshJournals::done(const RunPtr& run, ipc::Result<ipc::UniqueFd> journal) {
  --run->files_busy;
  if (!journal && journal.error().code != std::errc::file_exists) {
    log::warning("Run {}: {}", run->id, journal.error().message());
  }
  if (journal && run->state == RunState::starting) run->fresh_journal = std::move(*journal);
  made_(run);
}

}  // namespace charter::supervisor
