#include "supervisor/link/batch_window.h"

namespace charter::supervisor {

bool BatchWindow::has_room() const { return batches_.size() < kMaxBatches && bytes_ < kMaxBytes; }

std::uint64_t BatchWindow::open(std::size_t bytes) {
  batches_.push_back({++last_number_, bytes, std::nullopt});
  bytes_ += bytes;
  return last_number_;
}

void BatchWindow::written(const TcpCounters& reading) {
  last_written_ = last_number_;
  if (!batches_.empty()) batches_.back().end = reading.acked + reading.queued;
}

std::optional<std::uint64_t> BatchWindow::ponged(std::uint64_t number) {
  if (number > last_written_) return std::nullopt;
  std::optional<std::uint64_t> news;
  while (!batches_.empty() && batches_.front().number <= number) {
    news = batches_.front().number;
    drop_first();
  }
  return news;
}

std::optional<std::uint64_t> BatchWindow::acked(const TcpCounters& reading) {
  std::optional<std::uint64_t> news;
  while (!batches_.empty() && batches_.front().end &&
         (reading.queued == 0 || *batches_.front().end <= reading.acked)) {
    news = batches_.front().number;
    drop_first();
  }
  return news;
}

void BatchWindow::drop_first() {
  bytes_ -= batches_.front().bytes;
  batches_.pop_front();
}

}  // namespace charter::supervisor
