#include "gateway/daemon_session.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <utility>
#include <variant>

#include "gateway/store_thread.h"
#include "ipc/journal.h"
#include "ipc/json_scan.h"
#include "ipc/peer.h"

namespace charter::gateway {
namespace {

constexpr std::int64_t kRegisterLimitMs = 10'000;
constexpr std::int64_t kSilenceBeforePingMs = 15'000;
constexpr std::int64_t kSilenceLimitMs = 45'000;
constexpr std::chrono::milliseconds kRetryAfter{500};
constexpr std::size_t kMaxPendingBytes = 8U << 20;  // read ahead of the disk, per connection
constexpr std::size_t kMaxHeldPongs = 4096;
// Reading that pauses goes on to the end of a message; who sends none meanwhile is let go.
constexpr std::size_t kMostHeldPongs = 2 * kMaxHeldPongs;
constexpr std::int64_t kMostPlaces = 1'000'000'000;  // what a daemon says may be anything
constexpr std::uint64_t kLoggedDrops = 10;
constexpr std::int64_t kAnswerLimitMs = 5000;
constexpr std::size_t kMaxQuestions = 64;    // to one daemon, not answered yet
constexpr std::size_t kLongestReason = 120;  // of a close frame

}  // namespace

DaemonSession::DaemonSession(const boost::asio::any_io_executor& loop, StoreThread& store,
                             SessionWatcher& watcher, std::int64_t connection, std::string peer,
                             Protocol protocol)
    : store_(store),
      watcher_(watcher),
      connection_(connection),
      peer_(std::move(peer)),
      protocol_(protocol),
      connected_us_(ipc::now_us()),
      last_seen_us_(connected_us_),
      retry_(loop),
      moved_ms_(ipc::boot_ms()),
      opened_ms_(moved_ms_) {}

std::int64_t DaemonSession::free_places() const {
  return std::clamp<std::int64_t>(max_runs_.value_or(1), 0, kMostPlaces) -
         std::min(load_.running, kMostPlaces) - started_since_heartbeat_;
}

void DaemonSession::opened() {
  opened_ms_ = ipc::boot_ms();
  if (protocol_ == Protocol::capnp && socket_) {
    socket_->send(ipc::wire::encode(ipc::wire::ToDaemon(ipc::wire::Welcome{})));
  }
}

void DaemonSession::moved() {
  moved_ms_ = ipc::boot_ms();
  last_seen_us_ = ipc::now_us();
  asked_ = false;
}

void DaemonSession::received(std::string message) {
  if (protocol_ == Protocol::json) {
    received_json(std::move(message));
  } else {
    received_capnp(message);
  }
  flush();
  if (pending_bytes_ > kMaxPendingBytes && socket_) socket_->pause();
}

void DaemonSession::received_json(std::string text) {
  const std::size_t bytes = text.size();
  auto message = parse_daemon_message(std::move(text));
  if (!message) {
    dropped(message.error());
    if (!registered()) close(CloseCode::policy, "worker.register must come first");
    return;
  }
  take(std::move(*message), bytes);
}

void DaemonSession::received_capnp(const std::string& bytes) {
  auto message = read_wire_message(bytes);
  if (!message) {
    dropped(message.error());
    if (message.error().code == std::errc::not_supported) return;
    return close(CloseCode::bad_payload, message.error().what.substr(0, kLongestReason));
  }
  for (const ipc::Error& error : message->dropped) dropped(error);
  if (message->described) {
    const std::uint64_t question = message->described->id;
    return answered(question, std::move(*message->described));
  }
  if (message->output) {
    const std::uint64_t question = message->output->id;
    return answered(question, std::move(*message->output));
  }
  std::size_t size = bytes.size();  // counted with the first
  for (DaemonMessage& one : message->messages) take(std::move(one), std::exchange(size, 0));
  if (!registered()) return;
  for (ipc::wire::Ack& ack : message->acks) {
    std::uint64_t& seq = pending_acks_[std::move(ack.run_id)];
    seq = std::max(seq, ack.seq);
  }
}

template <class Question>
void DaemonSession::ask(Question question, Answered done) {
  if (!socket_ || !registered()) return done(ipc::plain_error("the daemon is not connected"));
  if (questions_.size() >= kMaxQuestions) return done(ipc::plain_error("the daemon is busy"));
  question.id = ++last_question_;
  questions_.emplace(question.id, Pending{ipc::boot_ms(), std::move(done)});
  socket_->send(ipc::wire::encode(ipc::wire::ToDaemon(std::move(question))));
}

void DaemonSession::describe(Described done) {
  if (protocol_ != Protocol::capnp) {
    return done(ipc::plain_error("daemons that speak JSON do not tell of their workflows"));
  }
  ask(ipc::wire::Describe{}, [done = std::move(done)](ipc::Result<Answer> answer) {
    if (!answer) return done(answer.error());
    auto* described = std::get_if<ipc::wire::Described>(&*answer);
    if (described == nullptr) return done(ipc::plain_error("the daemon answers something else"));
    if (!described->error.empty()) return done(ipc::plain_error(described->error));
    done(std::move(described->workflows));
  });
}

void DaemonSession::read_output(ipc::wire::ReadOutput question, Printed done) {
  ask(std::move(question), [done = std::move(done)](ipc::Result<Answer> answer) {
    if (!answer) return done(answer.error());
    auto* output = std::get_if<ipc::wire::Output>(&*answer);
    if (output == nullptr) return done(ipc::plain_error("the daemon answers something else"));
    done(std::move(*output));
  });
}

// An answer that nobody waits for any more is passed over.
void DaemonSession::answered(std::uint64_t question, Answer answer) {
  const auto asked = questions_.extract(question);
  if (!asked.empty()) asked.mapped().done(std::move(answer));
}

void DaemonSession::give_up_questions(std::int64_t asked_before_ms, const std::string& why) {
  while (!questions_.empty() && questions_.begin()->second.asked_ms < asked_before_ms) {
    const auto question = questions_.extract(questions_.begin());
    question.mapped().done(ipc::plain_error(why));
  }
}

void DaemonSession::dropped(const ipc::Error& error) {
  if (++dropped_ > kLoggedDrops) return;
  spdlog::warn("connection {}: dropped a message: {}", connection_, error.message());
}

void DaemonSession::take(DaemonMessage message, std::size_t bytes) {
  if (const auto* hello = std::get_if<Registration>(&message)) {
    if (registered()) return;
    worker_id_ = hello->worker_id;
    max_runs_ = hello->max_runs;
    tells_output_ = hello->tells_output;
    spdlog::info("connection {}: worker {} from {} ({})", connection_, ipc::quoted(worker_id_),
                 peer_, name_of(protocol_));
    keep(std::move(message), bytes);
    send_ping();
    return;
  }
  if (!registered()) return close(CloseCode::policy, "worker.register must come first");
  if (const auto* heartbeat = std::get_if<Heartbeat>(&message)) {
    load_ = *heartbeat;
    started_since_heartbeat_ = 0;
    return;
  }
  keep(std::move(message), bytes);
}

void DaemonSession::keep(DaemonMessage message, std::size_t bytes) {
  ++taken_;
  pending_.messages.push_back(std::move(message));
  pending_bytes_ += bytes;
}

void DaemonSession::flush() {
  if (in_flight_) return;
  due_acks_ = std::exchange(pending_acks_, {});
  if (pending_.messages.empty()) return acknowledge();
  pending_.connection = connection_;
  pending_.worker_id = worker_id_;
  pending_.peer = peer_;
  pending_.protocol = name_of(protocol_);
  pending_.received_us = ipc::now_us();
  in_flight_ = std::make_shared<const Batch>(std::exchange(pending_, {}));
  pending_bytes_ = 0;
  submit();
}

void DaemonSession::submit() {
  store_.submit([batch = in_flight_](Store& store) { return store.intake.take(*batch); },
                [self = shared_from_this()](ipc::Result<Outcome> outcome) {
                  if (outcome) {
                    self->on_committed(*outcome);
                  } else {
                    self->on_refused(outcome.error());
                  }
                });
}

void DaemonSession::on_committed(const Outcome& outcome) {
  committed_ += in_flight_->messages.size();
  in_flight_.reset();
  acknowledge();
  watcher_.store_state({});
  watcher_.session_stored(*this, outcome);
  release();
  flush();
  if (socket_) {
    if (pending_bytes_ <= kMaxPendingBytes && held_.size() <= kMaxHeldPongs) socket_->resume();
  } else if (!in_flight_) {
    store_end();
  }
}

// Tells the daemon which events are on disk.
void DaemonSession::acknowledge() {
  ipc::wire::Acks acks;
  const auto send = [&] {
    if (socket_) socket_->send(ipc::wire::encode(ipc::wire::ToDaemon(std::exchange(acks, {}))));
  };
  for (const auto& [run_id, seq] : std::exchange(due_acks_, {})) {
    acks.push_back({run_id, seq});
    if (acks.size() == ipc::wire::kMaxAcks) send();
  }
  if (!acks.empty()) send();
}

// The daemon is gone, and all it said is stored.
void DaemonSession::store_end() {
  if (!registered()) return;
  store_.submit(
      [connection = connection_, seen = last_seen_us_](Store& store) {
        store.intake.disconnected(connection, seen);
        return true;
      },
      [](const ipc::Result<bool>&) {});
}

// Nothing of the batch is stored, so nothing of it is acknowledged. It is tried again as long as
// the daemon stays; when that has lost patience it sends everything again.
void DaemonSession::on_refused(const ipc::Error& error) {
  watcher_.store_state(error.message());
  if (!socket_) {
    in_flight_.reset();
    return store_end();
  }
  waiting_to_retry_ = true;
  retry_.expires_after(kRetryAfter);
  retry_.async_wait([self = shared_from_this()](boost::system::error_code) {
    if (std::exchange(self->waiting_to_retry_, false)) self->submit();
  });
}

// Sends the pongs whose time has come.
void DaemonSession::release() {
  while (!held_.empty() && held_.front().position <= committed_) {
    if (socket_) socket_->pong(std::move(held_.front().payload));
    held_.pop_front();
  }
  if (!ready_ && ready_at_ && *ready_at_ <= committed_ && socket_) {
    ready_ = true;
    watcher_.session_ready(*this);
  }
}

bool DaemonSession::ping_received(std::string payload) {
  if (committed_ == taken_) return true;
  if (held_.size() >= kMostHeldPongs) {
    close(CloseCode::policy, "more pings than can be answered");
    return false;
  }
  held_.push_back({taken_, std::move(payload)});
  if (held_.size() > kMaxHeldPongs && socket_) socket_->pause();
  return false;
}

void DaemonSession::pong_received(std::string payload) {
  std::uint64_t number = 0;
  const char* end = payload.data() + payload.size();
  const auto [at, error] = std::from_chars(payload.data(), end, number);
  // Pongs nobody asked for are allowed and mean nothing.
  if (error != std::errc{} || at != end || number > commands_) return;
  if (!ready_at_) {
    ready_at_ = taken_;
    release();
  }
  if (number > 0) watcher_.session_confirmed(*this, number);
}

void DaemonSession::send_ping() {
  if (socket_) socket_->ping(std::to_string(commands_));
}

std::uint64_t DaemonSession::send_command(const CommandRow& command) {
  if (command.kind == "start") ++started_since_heartbeat_;
  ++commands_;
  socket_->send(protocol_ == Protocol::capnp ? wire_command(command) : command.message);
  send_ping();
  return commands_;
}

void DaemonSession::check() {
  if (!socket_) return;
  const std::int64_t now = ipc::boot_ms();
  if (!registered() && now - opened_ms_ > kRegisterLimitMs) {
    return close(CloseCode::policy, "worker.register did not come in time");
  }
  // A peer that does not answer pings is given its commands all the same.
  if (registered() && !ready_at_ && now - opened_ms_ > kRegisterLimitMs) {
    ready_at_ = taken_;
    release();
  }
  give_up_questions(now - kAnswerLimitMs, "the daemon does not answer");
  // While reading is held back the silence is ours.
  const bool held_back = pending_bytes_ > kMaxPendingBytes || held_.size() > kMaxHeldPongs;
  if (held_back) moved_ms_ = now;
  if (now - moved_ms_ > kSilenceLimitMs) return close(CloseCode::going_away, "silent for too long");
  if (now - moved_ms_ > kSilenceBeforePingMs && !std::exchange(asked_, true)) send_ping();
}

void DaemonSession::close(CloseCode code, std::string_view reason) {
  // The socket may end in the middle of this call and take itself from us.
  const auto socket = socket_;
  if (socket) socket->close(code, reason);
}

void DaemonSession::ended(const std::string& reason) {
  const auto self = shared_from_this();
  spdlog::info("connection {}: ended: {}", connection_, reason);
  socket_.reset();
  place_.reset();
  held_.clear();
  watcher_.session_gone(*this);
  give_up_questions(std::numeric_limits<std::int64_t>::max(), "the daemon went away");
  if (std::exchange(waiting_to_retry_, false)) {
    retry_.cancel();
    in_flight_.reset();
    return store_end();
  }
  // What was received is stored although nobody waits for the answer any more: a daemon that
  // sends its last events and leaves relies on it.
  flush();
  if (!in_flight_) store_end();
}

}  // namespace charter::gateway
