#include "supervisor/link/exchange.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <charconv>
#include <utility>

#include "ipc/journal.h"

namespace charter::supervisor {
namespace {

using std::chrono::milliseconds;

std::optional<std::uint64_t> batch_number(std::string_view payload) {
  std::uint64_t number = 0;
  const auto [end, code] = std::from_chars(payload.data(), payload.data() + payload.size(), number);
  if (code != std::errc{} || end != payload.data() + payload.size()) return std::nullopt;
  return number;
}

std::string reason_for(Liveness::Verdict verdict, bool by_acks, bool by_queue) {
  if (verdict == Liveness::Verdict::no_pong && by_acks) {
    return "the gateway answers, but acknowledges no event";
  }
  if (verdict == Liveness::Verdict::no_pong) return "the gateway sends, but answers no ping";
  if (by_queue) return "the gateway's side has stopped taking bytes for two heartbeats";
  return "the gateway is silent: a ping stayed unanswered for two heartbeats";
}

}  // namespace

Exchange::Exchange(const boost::asio::any_io_executor& executor, WebSocket& socket,
                   LinkClient& client, milliseconds heartbeat, Confirmation confirmation,
                   GiveUp give_up)
    : timer_(executor),
      socket_(socket),
      client_(client),
      give_up_(std::move(give_up)),
      half_(std::max(heartbeat / 2, milliseconds(1))),
      by_acks_(confirmation == Confirmation::acks),
      confirm_by_ack_(confirmation == Confirmation::tcp),
      liveness_(2 * half_, !confirm_by_ack_) {}

void Exchange::start() {
  if (stopped_) return;
  const auto now = Clock::now();
  next_half_ = now + half_;
  arm(now);
  listen();  // before anything is read: commands of the connection before may be under way
  wake();
}

void Exchange::stop() {
  stopped_ = true;
  timer_.cancel();
}

void Exchange::wake() {
  hungry_ = true;
  if (pump_posted_ || stopped_) return;
  pump_posted_ = true;
  boost::asio::post(timer_.get_executor(), [self = shared_from_this()] {
    self->pump_posted_ = false;
    self->pump();
  });
}

void Exchange::pump() {
  if (stopped_) return;
  listen();
  if (writing_) return;
  if (heartbeat_due_) {
    heartbeat_due_ = false;
    last_heartbeat_us_ = ipc::now_us();
    write(client_.heartbeat());
  } else if (next_in_batch_ < batch_.size()) {
    write(std::move(batch_[next_in_batch_++]));
  } else if (batch_wants_end_ && !by_acks_) {
    batch_wants_end_ = false;
    ping(window_.last_number());
  } else if (ping_due_) {
    ping(window_.last_written());
  } else if (hungry_ && window_.has_room()) {
    fill();
  }
}

// Nobody tells when the client has room again.
void Exchange::listen() {
  const bool crowded = client_.crowded();
  if (crowded == deaf_) return;
  deaf_ = crowded;
  socket_.hold_reading(deaf_);
  if (deaf_) arm(Clock::now());
}

void Exchange::fill() {
  batch_.clear();
  next_in_batch_ = 0;
  hungry_ = false;  // before asking: the client may call wake() while it fills
  client_.fill(batch_, kBatchBytes);
  if (batch_.empty() || stopped_) return;
  hungry_ = true;
  std::size_t bytes = 0;
  for (const std::string& message : batch_) bytes += message.size();
  window_.open(bytes);
  batch_wants_end_ = true;
  socket_.hold_packets(true);
  pump();
}

void Exchange::write(std::string text) {
  writing_ = true;
  socket_.write(std::move(text), [self = shared_from_this()] { self->written(); });
}

void Exchange::written() {
  writing_ = false;
  if (by_acks_ && batch_wants_end_ && next_in_batch_ == batch_.size()) {
    batch_wants_end_ = false;
    batch_written();
    settle();  // nothing of it may be for acknowledgement
    if (stopped_) return;
  }
  pump();
}

void Exchange::ping(std::uint64_t number) {
  writing_ = true;
  ping_due_ = false;
  liveness_.asked(Clock::now());
  const bool ends_batch = number > window_.last_written();
  socket_.ping(std::to_string(number),
               [self = shared_from_this(), ends_batch] { self->pinged(ends_batch); });
}

void Exchange::pinged(bool ends_batch) {
  writing_ = false;
  if (ends_batch) {
    batch_written();
    if (confirm_by_ack_) arm(Clock::now());
  }
  pump();
}

void Exchange::batch_written() {
  socket_.hold_packets(false);
  window_.written(socket_.counters().value_or(TcpCounters{}));
}

void Exchange::ponged(std::string_view payload) {
  if (stopped_) return;
  if (by_acks_) {
    // While something is to be acknowledged, only that is an answer.
    if (window_.empty()) liveness_.ponged();
    return;
  }
  liveness_.ponged();
  confirm_by_ack_ = false;
  if (const auto number = batch_number(payload)) confirm(window_.ponged(*number));
}

void Exchange::heard() {
  if (stopped_) return;
  listen();
  if (!by_acks_) return;
  settle();
  if (!stopped_) pump();
}

void Exchange::settle() {
  const auto number = window_.ponged(std::min(client_.settled(), window_.last_written()));
  if (!number) return;
  has_confirmed_ = true;
  liveness_.ponged();
}

void Exchange::confirm(std::optional<std::uint64_t> number) {
  if (!number) return;
  has_confirmed_ = true;
  client_.confirmed(*number);
  pump();
}

void Exchange::arm(Clock::time_point now) {
  auto due = next_half_;
  if (const auto deadline = liveness_.deadline()) due = std::min(due, *deadline);
  if (confirm_by_ack_ && !window_.empty()) due = std::min(due, now + kAckPoll);
  if (deaf_) due = std::min(due, now + kCrowdPoll);
  // Never in the past: a deadline that judge() let pass is looked at again at the next half.
  timer_.expires_at(due > now ? due : next_half_);
  timer_.async_wait([self = shared_from_this()](const boost::system::error_code& error) {
    if (!error && !self->stopped_) self->on_timer();
  });
}

void Exchange::on_timer() {
  const auto now = Clock::now();
  if (now >= next_half_) take_turn(now);
  judge(now);
  if (stopped_) return;
  pump();
  if (!stopped_) arm(now);
}

void Exchange::take_turn(Clock::time_point now) {
  next_half_ += half_;
  // After a long sleep of this process one turn stands for all that were missed.
  if (next_half_ <= now) next_half_ = now + half_;
  ping_due_ = true;
  if (++halves_ % 2 == 0) heartbeat_due_ = true;
  // A ping that cannot leave because the connection takes no more bytes is unanswered, too.
  if (writing_) liveness_.asked(now);
}

void Exchange::judge(Clock::time_point now) {
  const auto reading = socket_.counters();
  if (!reading) return;
  const auto verdict = liveness_.judge(now, *reading, writing_, deaf_);
  if (verdict == Liveness::Verdict::alive) {
    if (confirm_by_ack_) confirm(window_.acked(*reading));
    return;
  }
  stop();
  give_up_(reason_for(verdict, by_acks_, confirm_by_ack_ || deaf_));
}

}  // namespace charter::supervisor
