// How long runs that have ended are kept.
#pragma once

#include <chrono>
#include <cstdint>

namespace charter::gateway {

struct RetentionSettings {
  std::chrono::seconds age{std::chrono::days(30)};
  std::int64_t bytes = std::int64_t{1} << 30;  // of the ended runs' events together
};

}  // namespace charter::gateway
