// What a disk has of the files that this program writes with pwrite and pwritev: what fdatasync was
// successful for. A sync that fails loses what it should have written, and only it says so, as
// Linux does. Whoever links this has all of the program's writes go through it.
#pragma once

#include <string>

namespace charter::tests {

class LostPages {
 public:
  // From here to its end everything that this thread writes counts. One at a time.
  LostPages();
  ~LostPages();
  LostPages(const LostPages&) = delete;
  LostPages& operator=(const LostPages&) = delete;

  // The next `count` syncs fail.
  void fail(int count) const;
  // Of syncs that were to fail: how many did not come yet.
  [[nodiscard]] int failures_left() const;
  // What the disk would have of a file after a loss of power now: its size, and zeros where nothing
  // reached it.
  [[nodiscard]] std::string on_disk(const std::string& path) const;
  // Has the disk lose power: the file is now what it has.
  void lose_power(const std::string& path) const;
};

}  // namespace charter::tests
