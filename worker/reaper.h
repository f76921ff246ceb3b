// Collects every child that has ended. Engine and guardian are subreapers: whatever a run's
// processes leave behind becomes their child, and must not pile up as zombies.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>

namespace charter::worker {

class Reaper {
 public:
  // The one child whose end matters; 0 for none. Forgets the status of the one before.
  void watch(pid_t child);

  // Collects what has ended, never blocks. False when there is no child at all: the proof that a
  // tree is gone, since no process below a subreaper can leave it otherwise.
  bool reap();

  // The watched child's wait status, once it has ended.
  [[nodiscard]] std::optional<int> status() const { return status_; }

  // The same for a child that lives beside others, from now until it is forgotten.
  void keep(pid_t child) { kept_[child].reset(); }
  void forget(pid_t child) { kept_.erase(child); }
  [[nodiscard]] std::optional<int> status_of(pid_t child) const;

  // Sleeps until a child ends or `deadline_ms` (boot clock) comes. SIGCHLD must be blocked. May
  // return early.
  static void await_child(std::int64_t deadline_ms);

 private:
  pid_t watched_ = 0;
  std::optional<int> status_;
  std::map<pid_t, std::optional<int>> kept_;
};

}  // namespace charter::worker
