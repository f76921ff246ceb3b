// What the relay sends of journals: whose turn it is, and how much of a journal a turn reads.
#include <algorithm>
#include <chrono>
#include <utility>

#include "ipc/journal.h"
#include "supervisor/link/wire_messages.h"
#include "supervisor/log.h"
#include "supervisor/relay_filling.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kTurnBytes = 64U << 10;
constexpr std::size_t kTurnEvents = 256;
constexpr std::uint64_t kTurnLookedAt = 1U << 20;  // the event loop waits

// Between two tries to read a journal.
constexpr std::chrono::milliseconds kReadSoon{100};
constexpr std::chrono::milliseconds kReadLate{30'000};

}  // namespace

void Relay::add_events(Filling& filling, std::vector<Mark>& marks) {
  while (!filling.full() && announcements_.empty()) {
    const RelayQueue from = fresh_.empty() ? RelayQueue::repeats : RelayQueue::fresh;
    std::deque<RunPtr>& queue = from == RelayQueue::fresh ? fresh_ : repeats_;
    if (queue.empty()) return;
    if (filling.looked_at() >= kTurnLookedAt) return hooks_.wake();
    const RunPtr run = std::move(queue.front());
    queue.pop_front();
    if (run->delivery.queue != from) continue;
    run->delivery.queue = RelayQueue::none;
    const std::uint64_t before = run->delivery.sent_offset;
    const Turn turn = take_turn(run, filling, marks);
    if (run->delivery.sent_offset > before) {
      enqueue(run);
    } else if (turn.failed) {
      read_later(run);
    }
  }
}

Relay::Turn Relay::take_turn(const RunPtr& run, Filling& filling, std::vector<Mark>& marks) {
  Delivery& delivery = run->delivery;
  const std::uint64_t from = delivery.sent_offset;
  auto source = EventSource::open(layout_.journal(run->id), from, kTurnLookedAt);
  if (!source) {
    log::error("Cannot read the journal of run {}: {}", run->id, source.error().message());
    return {.failed = true};
  }
  const Turn turn =
      in_capnp() ? add_frames(*run, *source, filling) : add_messages(*run, *source, filling);
  // What holds no event for the gateway is not looked at again.
  const std::uint64_t to = std::min(source->offset(), run->progress.synced_end);
  delivery.sent_offset = std::max(delivery.sent_offset, to);
  filling.looked_at(delivery.sent_offset - from);
  delivery.first_unsent = std::max(delivery.first_unsent, delivery.sent_seq);
  if (turn.events > 0) marks.push_back({run, delivery.sent_seq, delivery.sent_offset});
  if (!turn.failed) delivery.failed_reads = 0;
  return turn;
}

// Nothing else may ever happen to the run: what could not be read can be its end.
void Relay::read_later(const RunPtr& run) {
  constexpr std::uint32_t kMostDoublings = 16;
  const auto wait = kReadSoon * (1U << std::min(run->delivery.failed_reads++, kMostDoublings));
  const auto due = BootClock::now() + std::min<std::chrono::milliseconds>(wait, kReadLate);
  unread_[run] = due;
  if (!unread_timer_set_ || due < unread_timer_.expiry()) read_again_at(due);
}

void Relay::read_again_at(BootClock::time_point due) {
  unread_timer_set_ = true;
  unread_timer_.expires_at(due);
  unread_timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) read_again();
  });
}

void Relay::read_again() {
  unread_timer_set_ = false;
  std::erase_if(unread_, [this, now = BootClock::now()](const auto& one) {
    if (one.second > now) return false;
    if (const RunPtr run = one.first.lock()) enqueue(run);
    return true;
  });
  const auto next =
      std::ranges::min_element(unread_, {}, [](const auto& one) { return one.second; });
  if (next != unread_.end()) read_again_at(next->second);
  if (up_) hooks_.wake();
}

Relay::Turn Relay::add_messages(Run& run, EventSource& source, Filling& filling) {
  Delivery& delivery = run.delivery;
  const std::size_t bytes_before = filling.bytes();
  Turn turn;
  while (turn.events < kTurnEvents && filling.bytes() - bytes_before < kTurnBytes) {
    auto stored = source.next(run.progress.synced_end);
    if (!stored) {
      log::error("Cannot read the journal of run {}: {}", run.id, stored.error().message());
      turn.failed = true;
      break;
    }
    if (!*stored) break;
    const StoredEvent& event = **stored;
    if (event.event.seq < delivery.sent_seq) continue;
    filling.add(event_message(settings_.worker_id, run.id, event.event.seq,
                              ipc::wire_time(event.at_us), event.event.json,
                              event.event.stream_seq));
    delivery.sent_seq = event.event.seq + 1;
    ++turn.events;
  }
  return turn;
}

Relay::Turn Relay::add_frames(Run& run, EventSource& source, Filling& filling) {
  Delivery& delivery = run.delivery;
  Turn turn;
  std::vector<std::string> frames;
  std::size_t bytes = 0;
  while (frames.size() < kTurnEvents && bytes < kTurnBytes) {
    const auto stored = source.next_frame(run.progress.synced_end);
    if (!stored) {
      log::error("Cannot read the journal of run {}: {}", run.id, stored.error().message());
      turn.failed = true;
      break;
    }
    if (!*stored) break;
    const StoredFrame& frame = **stored;
    if (frame.seq < delivery.sent_seq) continue;
    frames.emplace_back(frame.payload);
    bytes += frame.payload.size();
    delivery.sent_seq = frame.seq + 1;
  }
  turn.events = frames.size();
  if (turn.events > 0) filling.add(capnp::events_message(std::move(frames)));
  return turn;
}

}  // namespace charter::supervisor
