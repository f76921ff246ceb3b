// Space kept for last words: a file of 4 MiB that is given up when the disk is full, so that ends,
// commands and cancellations can still be written, and made again when there is space. Any thread.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "ipc/layout.h"

namespace charter::supervisor {

class Reserve {
 public:
  static constexpr std::uint64_t kBytes = 4U << 20;
  // With less than this beside the reserve no run is taken on any more.
  static constexpr std::uint64_t kLeastFree = 4U << 20;

  explicit Reserve(const ipc::Layout& layout);

  struct Space {
    std::uint64_t free = 0;  // bytes, the reserve not among them
    bool used_up = false;    // the reserve was given up
    [[nodiscard]] bool is_short() const { return used_up || free < kLeastFree; }
  };
  // Looks at the disk; makes or gives up the reserve as there is space or none.
  Space look();
  // Gives it up; false when it was already.
  bool give_up();

 private:
  void make();

  std::string path_;
  std::string data_;
  std::string runs_;
  std::mutex mutex_;
  bool kept_ = false;
  bool used_up_ = false;
};

}  // namespace charter::supervisor
