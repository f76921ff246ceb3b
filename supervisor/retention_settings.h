// How long journals of delivered runs are kept.
#pragma once

#include <chrono>
#include <cstdint>

namespace charter::supervisor {

struct RetentionSettings {
  std::chrono::seconds age{std::chrono::days(7)};
  std::uint64_t bytes = 1U << 30;              // of all such journals together; the oldest go first
  std::chrono::milliseconds interval{60'000};  // between two looks
};

}  // namespace charter::supervisor
