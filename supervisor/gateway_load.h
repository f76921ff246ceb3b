// What is kept in memory for the gateway, by its bytes.
#pragma once

#include <cstddef>
#include <memory>

namespace charter::supervisor {

// Event loop only.
class GatewayLoad {
 public:
  // As much as one message may have.
  static constexpr std::size_t kMost = 64U << 20;

  // Counts until the last copy of it is gone.
  using Held = std::shared_ptr<const void>;
  [[nodiscard]] Held hold(std::size_t bytes) {
    *held_ += bytes;
    return {held_.get(), [held = held_, bytes](const void*) { *held -= bytes; }};
  }
  [[nodiscard]] bool full() const { return *held_ >= kMost; }

 private:
  std::shared_ptr<std::size_t> held_ = std::make_shared<std::size_t>(0);
};

}  // namespace charter::supervisor
