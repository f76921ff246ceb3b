// The batches of one connection that are on their way and not confirmed. Pure arithmetic.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "supervisor/link/tcp_counters.h"

namespace charter::supervisor {

class BatchWindow {
 public:
  // Enough to keep a distant gateway busy (2 MiB a round trip); what a lost connection sends again
  // at most.
  static constexpr std::size_t kMaxBatches = 64;
  static constexpr std::size_t kMaxBytes = 2U << 20;

  // A batch of any size fits when there is room at all.
  [[nodiscard]] bool has_room() const;
  [[nodiscard]] bool empty() const { return batches_.empty(); }
  [[nodiscard]] std::uint64_t last_number() const { return last_number_; }
  // The newest batch whose ping may have been sent; 0 before the first.
  [[nodiscard]] std::uint64_t last_written() const { return last_written_; }

  // Begins the next batch; numbers count from 1.
  std::uint64_t open(std::size_t bytes);
  // The newest batch is with the kernel wholly, as `reading`, taken after its last byte, shows.
  void written(const TcpCounters& reading);

  // The gateway answered the ping of batch `number`. The number up to which everything is now
  // confirmed, when that is news; nothing for a number never asked about.
  [[nodiscard]] std::optional<std::uint64_t> ponged(std::uint64_t number);
  // The same for what TCP acknowledged.
  [[nodiscard]] std::optional<std::uint64_t> acked(const TcpCounters& reading);

 private:
  struct Batch {
    std::uint64_t number = 0;
    std::size_t bytes = 0;
    std::optional<std::uint64_t> end;  // position of its last byte in the TCP stream
  };

  void drop_first();

  std::deque<Batch> batches_;
  std::size_t bytes_ = 0;
  std::uint64_t last_number_ = 0;
  std::uint64_t last_written_ = 0;
};

}  // namespace charter::supervisor
