// The syncs of one directory by this program, which a test may have fail. Whoever links this has
// all of the program's fsync go through it.
#pragma once

#include <functional>
#include <string>

namespace charter::tests {

class DirectorySyncs {
 public:
  // From here to its end, in every thread. One at a time.
  explicit DirectorySyncs(const std::string& directory);
  ~DirectorySyncs();
  DirectorySyncs(const DirectorySyncs&) = delete;
  DirectorySyncs& operator=(const DirectorySyncs&) = delete;

  // The next `count` fail with EIO.
  void fail(int count) const;
  // Of syncs that were to fail: how many did not come yet.
  [[nodiscard]] int failures_left() const;
  [[nodiscard]] int succeeded() const;
  // Called before each that succeeds, by the thread that syncs.
  void before_each(std::function<void()> look) const;
};

}  // namespace charter::tests
