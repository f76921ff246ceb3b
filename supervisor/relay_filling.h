// The messages of one batch while it is put together: the relay's own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "supervisor/relay.h"

namespace charter::supervisor {

class Relay::Filling {
 public:
  Filling(std::vector<std::string>& out, std::size_t max_bytes)
      : out_(out), before_(out.size()), max_bytes_(max_bytes) {}
  void add(std::string message) {
    bytes_ += message.size();
    out_.push_back(std::move(message));
  }
  [[nodiscard]] bool full() const { return bytes_ >= max_bytes_; }
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool empty() const { return out_.size() == before_; }
  // Of journals, whatever was found there.
  void looked_at(std::uint64_t bytes) { looked_at_ += bytes; }
  [[nodiscard]] std::uint64_t looked_at() const { return looked_at_; }

 private:
  std::vector<std::string>& out_;
  std::size_t before_;
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t looked_at_ = 0;
};

}  // namespace charter::supervisor
