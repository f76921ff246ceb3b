// How many connections there are, so that there can be too many.
#pragma once

#include <cstddef>
#include <memory>

namespace charter::gateway {

// Belongs to the loop.
class ConnectionCount {
 public:
  explicit ConnectionCount(std::size_t most)
      : count_(std::make_shared<std::size_t>(0)), most_(most) {}

  // Held by a connection as long as it lives; null when there are too many.
  using Place = std::shared_ptr<void>;
  [[nodiscard]] Place take() {
    if (*count_ >= most_) return nullptr;
    ++*count_;
    return Place(count_.get(), [count = count_](void*) { --*count; });
  }

 private:
  std::shared_ptr<std::size_t> count_;
  std::size_t most_;
};

}  // namespace charter::gateway
