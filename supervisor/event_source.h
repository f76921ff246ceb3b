// Reads the events of a journal for those who are shown them.
#pragma once

#include <cstdint>
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
  std::uint64_t end = 0;  // of the frame: where to go on
};

struct StoredEvent {
  ipc::Event event;
  std::int64_t at_us = 0;
  std::uint64_t end = 0;  // of its frame: where to go on
};

class EventSource {
 public:
  // `offset`: where a frame begins, or anything at or before the file's header for the first one.
  static ipc::Result<EventSource> open(const std::string& journal, std::uint64_t offset);

  // The next event of a frame that ends at or before `limit` (what is durable); nothing when there
  // is none. Damage and frames of other kinds are passed over.
  ipc::Result<std::optional<StoredEvent>> next(std::uint64_t limit);
  // The same, not taken apart.
  ipc::Result<std::optional<StoredFrame>> next_frame(std::uint64_t limit);

 private:
  EventSource(ipc::UniqueFd file, std::uint64_t offset)
      : file_(std::move(file)), reader_(file_.get(), offset) {}

  ipc::Result<std::optional<ipc::LogReader::Next>> next_whole(std::uint64_t limit);

  ipc::UniqueFd file_;
  ipc::LogReader reader_;
  std::uint64_t limit_ = 0;  // of the latest call
};

}  // namespace charter::supervisor
