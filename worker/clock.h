// Deadlines are moments of the boot clock in milliseconds (ipc::boot_ms()); durations are measured
// on the steady clock, which nobody sets.
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>

namespace charter::worker {

inline constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

class Stopwatch {
 public:
  // Since it was made, rounded to whole milliseconds.
  [[nodiscard]] std::int64_t elapsed_ms() const {
    using std::chrono::milliseconds;
    return std::chrono::round<milliseconds>(std::chrono::steady_clock::now() - begun_).count();
  }

 private:
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
};

}  // namespace charter::worker
