// Reads the events of a journal for those who are shown them.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include "ipc/error.h"
#include "ipc/journal_frame.h"
#include "ipc/log_segment.h"
#include "ipc/unique_fd.h"

namespace charter::supervisor {

struct StoredFrame {
  std::string_view payload;  // as it is on disk; until the next call
  std::uint64_t seq = 0;
};

struct StoredEvent {
  ipc::Event event;
  std::int64_t at_us = 0;
};

class EventSource {
 public:
  // `offset`: where a frame begins, or anything at or before the file's header for the first one.
  // Once `most` bytes have been looked at there is nothing more, but for the frame begun in them.
  static ipc::Result<EventSource> open(const std::string& journal, std::uint64_t offset,
                                       std::uint64_t most = kWhole);

  // The next event of a frame that ends at or before `limit` (what is durable); nothing when there
  // is none. Damage and frames of other kinds are passed over.
  ipc::Result<std::optional<StoredEvent>> next(std::uint64_t limit);
  // The same, not taken apart.
  ipc::Result<std::optional<StoredFrame>> next_frame(std::uint64_t limit);

  // Behind what was looked at, of whatever kind.
  [[nodiscard]] std::uint64_t offset() const { return reader_.offset(); }

 private:
  static constexpr std::uint64_t kWhole = std::numeric_limits<std::uint64_t>::max();

  EventSource(ipc::UniqueFd file, std::uint64_t offset, std::uint64_t most)
      : file_(std::move(file)),
        reader_(file_.get(), offset),
        until_(most < kWhole - offset ? offset + most : kWhole) {}

  ipc::Result<std::optional<ipc::LogReader::Next>> next_whole(std::uint64_t limit);

  ipc::UniqueFd file_;
  ipc::LogReader reader_;
  std::uint64_t limit_ = 0;  // of the latest call
  std::uint64_t until_;
};

}  // namespace charter::supervisor
