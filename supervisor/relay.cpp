#include "supervisor/relay.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "supervisor/link/wire_messages.h"
#include "supervisor/log.h"
#include "supervisor/output_answer.h"
#include "supervisor/relay_filling.h"

namespace charter::supervisor {
namespace {

constexpr std::uint64_t kReplayEvents = 10'000;
constexpr std::size_t kMostQuestions = 64;   // of a kind, not answered yet
constexpr std::size_t kMessageBytes = 1024;  // what goes with a command, or an answer, of any size

// The connection ends, and the answers go: those to commands that are repeated are given again.
ipc::Error takes_no_answers() {
  return ipc::plain_error("command while 64 MiB of answers wait that it does not take");
}

}  // namespace

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
  const std::size_t bytes = kMessageBytes + answer.command_id.size() +
                            answer.run_id.value_or("").size() + answer.outcome.message.size();
  answers_.emplace_back(std::move(answer), unsent_.hold(bytes));
  hooks_.wake();
}

void Relay::described(std::uint64_t question, const Verdict& verdict) {
  const auto asked = std::ranges::find(describing_, question);
  if (asked == describing_.end()) return;
  describing_.erase(asked);
  descriptions_.emplace_back(question, verdict);
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
  describing_.clear();
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
  add_answers(filling);
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

void Relay::add_answers(Filling& filling) {
  while (!answers_.empty() && !filling.full()) {
    filling.add(worded(answers_.front().first));
    answers_.pop_front();
  }
  while (!descriptions_.empty() && !filling.full()) {
    const auto& [question, verdict] = descriptions_.front();
    ipc::wire::Described answer{question, verdict->state_head, {}};
    if (!verdict->ok) answer = {question, {}, verdict->message};
    filling.add(ipc::wire::encode(ipc::wire::ToGateway(std::move(answer))));
    descriptions_.pop_front();
  }
}

std::string Relay::worded(const CommandAnswer& answer) const {
  if (in_capnp()) return capnp::answer_message(answer);
  if (answer.malformed) return command_error_message(answer.command_id, answer.outcome.message);
  return command_result_message(settings_.worker_id, answer.run_id, answer.command_id,
                                answer.outcome);
}

void Relay::asked_to_describe(std::uint64_t question) {
  if (describing_.size() + descriptions_.size() == kMostQuestions) return;
  describing_.push_back(question);
  hooks_.describe(question);
}

// The oldest question goes.
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
  const std::size_t bytes = kMessageBytes + message.size();
  if (!in_capnp()) {
    if (unsent_.full()) return takes_no_answers();
    Inbound said = parse_inbound(message);
    std::string().swap(message);
    hooks_.received(std::move(said), commands_.hold(bytes));
    return {};
  }
  auto said = ipc::wire::decode_to_daemon(message);
  if (!said && said.error().code == std::errc::not_supported) {
    hooks_.received(Ignored{said.error().message()}, nullptr);
    return {};
  }
  if (!said) return said.error();
  if (const auto* acks = std::get_if<ipc::wire::Acks>(&*said)) {
    acknowledged(*acks);
  } else if (auto* command = std::get_if<ipc::wire::Command>(&*said)) {
    if (unsent_.full()) return takes_no_answers();
    std::string().swap(message);
    hooks_.received(capnp::inbound_of(std::move(*command)), commands_.hold(bytes));
  } else if (const auto* question = std::get_if<ipc::wire::Describe>(&*said)) {
    asked_to_describe(question->id);
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
