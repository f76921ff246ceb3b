#include "supervisor/relay.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "ipc/journal.h"
#include "supervisor/link/wire_messages.h"
#include "supervisor/log.h"
#include "supervisor/output_answer.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kTurnBytes = 64U << 10;
constexpr std::size_t kTurnEvents = 256;
constexpr std::uint64_t kTurnLookedAt = 1U << 20;  // of a journal, whatever is in it
constexpr std::uint64_t kReplayEvents = 10'000;
constexpr std::uint32_t kMostDoublings = 16;
constexpr std::size_t kMostQuestions = 64;  // for output, not answered yet; the oldest goes

}  // namespace

// The messages of one batch while it is put together.
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
  void looked_at(std::uint64_t bytes) { looked_at_ += bytes; }
  // The event loop waits.
  [[nodiscard]] bool has_looked_enough() const { return looked_at_ >= kTurnLookedAt; }

 private:
  std::vector<std::string>& out_;
  std::size_t before_;
  std::size_t max_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t looked_at_ = 0;
};

Relay::Relay(const boost::asio::any_io_executor& executor, Settings settings,
             const ipc::Layout& layout, const Registry& registry, Hooks hooks)
    : settings_(std::move(settings)),
      layout_(layout),
      registry_(registry),
      hooks_(std::move(hooks)),
      unread_timer_(executor) {}

bool Relay::active(const Run& run) const { return run.delivery.visible && !is_terminal(run.wire); }

void Relay::announce(const RunPtr& run) {
  if (!up_ || !run->delivery.visible) return;
  queue_announcement(run);
  hooks_.wake();
}

void Relay::queue_announcement(const RunPtr& run) {
  if (std::exchange(run->delivery.announce, true)) return;
  announcements_.push_back(run);
}

void Relay::tell_anew(const RunPtr& run) {
  if (!up_) return;
  begin(run);
  hooks_.wake();
}

void Relay::events_ready(const RunPtr& run) {
  if (!up_) return;
  enqueue(run);
  hooks_.wake();
}

void Relay::answer(CommandAnswer answer) {
  if (!up_) return;
  answers_.push_back(std::move(answer));
  hooks_.wake();
}

void Relay::described(ipc::wire::Described answer) {
  if (!up_ || !in_capnp()) return;
  descriptions_.push_back(std::move(answer));
  hooks_.wake();
}

void Relay::link_up(WireProtocol protocol) {
  up_ = true;
  protocol_ = protocol;
  registered_ = false;
  batch_number_ = 0;
  for (const RunPtr& run : registry_.in_order()) begin(run);
  hooks_.up();
  hooks_.wake();
}

void Relay::begin(const RunPtr& run) {
  if (!run->delivery.visible || (!active(*run) && run->delivered())) return;
  queue_announcement(run);
  rewind(run);
}

// Where this connection begins with the run: the confirmed history of an active one is sent again,
// because gateways may rely on it.
void Relay::rewind(const RunPtr& run) {
  Delivery& delivery = run->delivery;
  delivery.sent_seq = delivery.confirmed_seq;
  delivery.sent_offset = delivery.confirmed_offset;
  delivery.acked_seq = 0;
  if (settings_.replay == Replay::active && active(*run)) {
    delivery.sent_seq -= std::min(delivery.sent_seq, kReplayEvents);
    delivery.sent_offset = ipc::kLogHeaderSize;
  }
  enqueue(run);
}

void Relay::enqueue(const RunPtr& run) {
  Delivery& delivery = run->delivery;
  if (delivery.sent_seq >= run->progress.synced_seq) return;
  const bool has_fresh = run->progress.synced_seq > delivery.first_unsent;
  const RelayQueue wanted = has_fresh ? RelayQueue::fresh : RelayQueue::repeats;
  // A run that waits to repeat its history goes to the front part when something new happens; its
  // old place is passed over.
  if (delivery.queue == wanted || delivery.queue == RelayQueue::fresh) return;
  delivery.queue = wanted;
  (has_fresh ? fresh_ : repeats_).push_back(run);
}

void Relay::link_down(std::string_view reason) {
  if (!reason.empty()) log::debug("Link down: {}", reason);
  up_ = false;
  registered_ = false;
  answers_.clear();
  descriptions_.clear();
  output_questions_.clear();
  batches_.clear();
  for (const RunPtr& run : announcements_) run->delivery.announce = false;
  for (auto* queue : {&fresh_, &repeats_}) {
    for (const RunPtr& run : *queue) run->delivery.queue = RelayQueue::none;
    queue->clear();
  }
  announcements_.clear();
  unread_.clear();
}

void Relay::fill(std::vector<std::string>& out, std::size_t max_bytes) {
  if (!up_) return;
  Filling filling(out, max_bytes);
  std::vector<Mark> marks;
  if (!std::exchange(registered_, true)) add_register(filling);
  for (const CommandAnswer& answer : std::exchange(answers_, {})) filling.add(worded(answer));
  for (ipc::wire::Described& answer : std::exchange(descriptions_, {})) {
    filling.add(ipc::wire::encode(ipc::wire::ToGateway(std::move(answer))));
  }
  add_announcements(filling);
  add_events(filling, marks);
  add_output(filling);
  if (filling.empty()) return;
  ++batch_number_;
  if (!marks.empty()) batches_.push_back({batch_number_, std::move(marks)});
}

void Relay::add_register(Filling& filling) const {
  std::vector<std::string> ids;
  for (const RunPtr& run : registry_.in_order()) {
    if (active(*run)) ids.push_back(run->id);
  }
  filling.add(in_capnp() ? capnp::register_message(settings_.worker_id, settings_.max_runs,
                                                   std::move(ids), settings_.tells_output)
                         : register_message(settings_.worker_id, settings_.max_runs, ids));
}

std::string Relay::worded(const CommandAnswer& answer) const {
  if (in_capnp()) return capnp::answer_message(answer);
  if (answer.malformed) return command_error_message(answer.command_id, answer.outcome.message);
  return command_result_message(settings_.worker_id, answer.run_id, answer.command_id,
                                answer.outcome);
}

void Relay::asked_for_output(ipc::wire::ReadOutput question) {
  if (!settings_.tells_output) return;
  if (output_questions_.size() == kMostQuestions) output_questions_.pop_front();
  output_questions_.push_back(std::move(question));
  hooks_.wake();
}

// One answer a batch, where events have left room.
void Relay::add_output(Filling& filling) {
  if (output_questions_.empty() || filling.full()) return;
  const ipc::wire::ReadOutput question = std::move(output_questions_.front());
  output_questions_.pop_front();
  filling.add(ipc::wire::encode(ipc::wire::ToGateway(answer_output(layout_, registry_, question))));
}

void Relay::add_announcements(Filling& filling) {
  while (!announcements_.empty() && !filling.full()) {
    const RunPtr run = std::move(announcements_.front());
    announcements_.pop_front();
    if (!std::exchange(run->delivery.announce, false)) continue;
    const Announcement news{run->id, name_of(run->wire),
                            run->workflow_path.empty()
                                ? std::nullopt
                                : std::optional<std::string_view>(run->workflow_path),
                            run->started_at};
    filling.add(in_capnp() ? capnp::announced_message(news)
                           : announced_message(settings_.worker_id, news));
    log::info("Announced run to gateway: run_id={} status={} workflow_path={}", run->id,
              name_of(run->wire), run->workflow_path);
  }
}

void Relay::add_events(Filling& filling, std::vector<Mark>& marks) {
  while (!filling.full() && announcements_.empty()) {
    const RelayQueue from = fresh_.empty() ? RelayQueue::repeats : RelayQueue::fresh;
    std::deque<RunPtr>& queue = from == RelayQueue::fresh ? fresh_ : repeats_;
    if (queue.empty()) return;
    if (filling.has_looked_enough()) return hooks_.wake();
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

void Relay::confirmed(std::uint64_t number) {
  while (!batches_.empty() && batches_.front().number <= number) {
    const Batch batch = std::move(batches_.front());
    batches_.pop_front();
    for (const Mark& mark : batch.marks) move_cursor(mark);
  }
}

void Relay::move_cursor(const Mark& mark) {
  Delivery& delivery = mark.run->delivery;
  if (mark.seq <= delivery.confirmed_seq) return;
  delivery.confirmed_seq = mark.seq;
  delivery.confirmed_offset = mark.offset;
  hooks_.confirmed(mark.run);
}

std::uint64_t Relay::settled() const {
  return batches_.empty() ? batch_number_ : batches_.front().number - 1;
}

ipc::Result<void> Relay::received(std::string message) {
  if (!in_capnp()) {
    hooks_.received(parse_inbound(message));
    return {};
  }
  auto said = ipc::wire::decode_to_daemon(message);
  if (!said && said.error().code == std::errc::not_supported) {
    hooks_.received(Ignored{said.error().message()});
    return {};
  }
  if (!said) return said.error();
  if (const auto* acks = std::get_if<ipc::wire::Acks>(&*said)) {
    acknowledged(*acks);
  } else if (auto* command = std::get_if<ipc::wire::Command>(&*said)) {
    hooks_.received(capnp::inbound_of(std::move(*command)));
  } else if (const auto* question = std::get_if<ipc::wire::Describe>(&*said)) {
    hooks_.describe(question->id);
  } else if (auto* output = std::get_if<ipc::wire::ReadOutput>(&*said)) {
    asked_for_output(std::move(*output));
  }
  return {};
}

// An acknowledgement of what was never sent on this connection acknowledges all that was.
void Relay::acknowledged(const ipc::wire::Acks& acks) {
  bool news = false;
  for (const ipc::wire::Ack& ack : acks) {
    const RunPtr run = registry_.find(ack.run_id);
    if (run == nullptr) continue;
    Delivery& delivery = run->delivery;
    const std::uint64_t below = ack.seq < delivery.sent_seq ? ack.seq + 1 : delivery.sent_seq;
    if (below <= delivery.acked_seq) continue;
    delivery.acked_seq = below;
    news = true;
  }
  // Without news, too: a run that was waited for may have been forgotten.
  settle_batches();
  if (!news) return;
  // Of runs that are acknowledged out of turn the cursors do not wait for the others.
  for (const Batch& batch : batches_) {
    for (const Mark& mark : batch.marks) {
      if (mark.seq <= mark.run->delivery.acked_seq) move_cursor(mark);
    }
  }
}

// Lets go of the batches at the front whose events have all been acknowledged.
void Relay::settle_batches() {
  while (!batches_.empty()) {
    Batch& batch = batches_.front();
    for (; batch.acknowledged < batch.marks.size(); ++batch.acknowledged) {
      const Mark& mark = batch.marks[batch.acknowledged];
      const bool gone = registry_.find(mark.run->id) != mark.run;
      if (!gone && mark.seq > mark.run->delivery.acked_seq) return;
      if (!gone) move_cursor(mark);
    }
    batches_.pop_front();
  }
}

std::string Relay::heartbeat() {
  std::uint64_t running = 0;
  std::uint64_t paused = 0;
  registry_.each([&](const RunPtr& run) {
    if (!active(*run)) return;
    ++(run->wire == WireStatus::paused ? paused : running);
  });
  return in_capnp() ? capnp::heartbeat_message(running, paused)
                    : heartbeat_message(settings_.worker_id, running, paused);
}

}  // namespace charter::supervisor
