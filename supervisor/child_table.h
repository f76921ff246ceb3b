// The children this process made on purpose. Any other child is an orphan of a dead run.
#pragma once

#include <sys/types.h>

#include <mutex>
#include <unordered_set>

namespace charter::supervisor {

// For any thread.
class ChildTable {
 public:
  void insert(pid_t pid) {
    const std::lock_guard lock(mutex_);
    pids_.insert(pid);
  }
  void erase(pid_t pid) {
    const std::lock_guard lock(mutex_);
    pids_.erase(pid);
  }
  [[nodiscard]] bool contains(pid_t pid) const {
    const std::lock_guard lock(mutex_);
    return pids_.contains(pid);
  }

  // Held from before a child is made until it is in the table, and by whoever looks for orphans: a
  // child is never seen before it is known.
  [[nodiscard]] std::mutex& making() const { return making_; }

 private:
  mutable std::mutex mutex_;
  mutable std::mutex making_;
  std::unordered_set<pid_t> pids_;
};

}  // namespace charter::supervisor
