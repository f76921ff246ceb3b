#include "supervisor/event_source.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "ipc/codec.h"
#include "ipc/gateway_message.h"
#include "ipc/regular_file.h"

namespace charter::supervisor {

ipc::Result<EventSource> EventSource::open(const std::string& journal, std::uint64_t offset,
                                           std::uint64_t most) {
  auto file = ipc::open_regular(journal, O_RDONLY);
  if (!file) return file.error();
  return EventSource(std::move(*file), std::max<std::uint64_t>(offset, ipc::kLogHeaderSize), most);
}

// The next frame of any kind.
ipc::Result<std::optional<ipc::LogReader::Next>> EventSource::next_whole(std::uint64_t limit) {
  // What was read ahead of the limit may have been cut off since.
  if (std::exchange(limit_, limit) != limit) reader_.forget_ahead();
  while (reader_.offset() < std::min(limit, until_)) {
    auto next = reader_.next();
    if (!next) return next.error();
    if (next->outcome == ipc::LogReader::Outcome::end) break;
    if (next->outcome == ipc::LogReader::Outcome::damaged) continue;
    if (next->place.end > limit) break;
    return std::optional(*next);
  }
  return std::nullopt;
}

ipc::Result<std::optional<StoredEvent>> EventSource::next(std::uint64_t limit) {
  while (true) {
    const auto next = next_whole(limit);
    if (!next) return next.error();
    if (!*next) return std::nullopt;
    // What is taken apart is copied, and a state can be large.
    if (!ipc::wire::event_seq((*next)->payload)) continue;
    auto frame = ipc::decode_journal_frame((*next)->payload);
    if (!frame) continue;
    if (auto* event = std::get_if<ipc::Event>(&frame->body)) {
      return StoredEvent{std::move(*event), frame->at_us};
    }
  }
}

ipc::Result<std::optional<StoredFrame>> EventSource::next_frame(std::uint64_t limit) {
  while (true) {
    const auto next = next_whole(limit);
    if (!next) return next.error();
    if (!*next) return std::nullopt;
    const auto seq = ipc::wire::event_seq((*next)->payload);
    if (seq) return StoredFrame{(*next)->payload, *seq};
  }
}

}  // namespace charter::supervisor
