// The journals of runs that were just accepted, made behind the answer: until one is there, the
// ledger alone holds the run. Their directory is synced once for all that came together, before any
// worker begins: a run with steps behind it must never look like one that was not begun.
#pragma once

#include <functional>
#include <vector>

#include "ipc/layout.h"
#include "supervisor/run.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

class FreshJournals {
 public:
  // `made` is called when a run's journal is there, or could not be made: the launch will try again
  // and say why.
  FreshJournals(SyncThread& disk, const ipc::Layout& layout,
                std::function<void(const RunPtr&)> made)
      : disk_(disk), layout_(layout), made_(std::move(made)) {}

  // Counts as one of the run's busy files until then. A run that still waits for a slot keeps no
  // descriptor.
  void make(const RunPtr& run);

 private:
  class Group;
  void next();
  void done(const RunPtr& run, ipc::Result<ipc::UniqueFd> journal);

  SyncThread& disk_;
  const ipc::Layout& layout_;
  std::function<void(const RunPtr&)> made_;
  std::vector<RunPtr> waiting_;
  bool busy_ = false;
};

}  // namespace charter::supervisor
