// Which runs changed last, for those who follow all of them. Bounded: who is too far behind looks
// at everything again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>

namespace charter::gateway {

// Belongs to the loop.
class ChangeLog {
 public:
  // In place of a run: a daemon has come or gone. Runs are numbered from 1 on.
  static constexpr std::int64_t kWorkers = 0;

  void note(std::int64_t run) {
    // One run that is busy takes one place for as long as nobody looks.
    if (!runs_.empty() && runs_.back() == run && seen_ < end()) return;
    runs_.push_back(run);
    if (runs_.size() <= kMost) return;
    runs_.pop_front();
    ++first_;
  }

  // One behind the last change: where somebody begins who follows from now on.
  [[nodiscard]] std::uint64_t mark() {
    seen_ = end();
    return seen_;
  }

  // What changed from `from` on, each once; nothing when that is no longer known.
  [[nodiscard]] std::optional<std::set<std::int64_t>> since(std::uint64_t from) const {
    if (from < first_) return std::nullopt;
    return std::set<std::int64_t>(runs_.begin() + static_cast<std::ptrdiff_t>(from - first_),
                                  runs_.end());
  }

 private:
  [[nodiscard]] std::uint64_t end() const { return first_ + runs_.size(); }

  static constexpr std::size_t kMost = 4096;
  std::deque<std::int64_t> runs_;
  std::uint64_t first_ = 0;  // number of the first one in `runs_`
  std::uint64_t seen_ = 0;   // somebody has looked at what is before this
};

}  // namespace charter::gateway
