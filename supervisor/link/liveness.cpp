#include "supervisor/link/liveness.h"

namespace charter::supervisor {

Liveness::Liveness(std::chrono::milliseconds heartbeat, bool pongs_expected)
    : heartbeat_(heartbeat), pongs_expected_(pongs_expected) {}

void Liveness::asked(Clock::time_point now) {
  if (!asked_at_) asked_at_ = now;
  if (!pong_due_from_) pong_due_from_ = now;
}

void Liveness::ponged() {
  has_ponged_ = true;
  pongs_expected_ = true;
  pong_due_from_.reset();
  ping_end_.reset();
}

Liveness::Verdict Liveness::judge(Clock::time_point now, const TcpCounters& reading, bool held_back,
                                  bool deaf) {
  const bool came_in = reading.received > last_.received;
  const bool falling = reading.acked > last_.acked;
  const bool unsent = held_back || reading.queued > 0;
  last_ = reading;
  if (deaf) {
    asked_at_.reset();
    pong_due_from_.reset();
    ping_end_.reset();
  }
  if (deaf || !pongs_expected_) return judge_queue(now, unsent, falling);
  stuck_since_.reset();
  if (came_in) asked_at_.reset();
  if (pong_due_from_ && !ping_end_ && !held_back) ping_end_ = reading.acked + reading.queued;
  const bool under_way = !ping_end_ || reading.acked < *ping_end_;
  if (unsent && falling) {
    if (asked_at_) asked_at_ = now;
    if (pong_due_from_ && under_way) pong_due_from_ = now;
  }
  if (asked_at_ && now - *asked_at_ >= kSilentHeartbeats * heartbeat_) return Verdict::silent;
  if (pong_due_from_ && now - *pong_due_from_ >= kPongPatience * heartbeat_) {
    return Verdict::no_pong;
  }
  return Verdict::alive;
}

Liveness::Verdict Liveness::judge_queue(Clock::time_point now, bool unsent, bool falling) {
  if (!unsent || falling) stuck_since_.reset();
  if (!unsent) return Verdict::alive;
  if (!stuck_since_) stuck_since_ = now;
  return now - *stuck_since_ >= kSilentHeartbeats * heartbeat_ ? Verdict::silent : Verdict::alive;
}

std::optional<Liveness::Clock::time_point> Liveness::deadline() const {
  if (pongs_expected_ && asked_at_) return *asked_at_ + kSilentHeartbeats * heartbeat_;
  if (!pongs_expected_ && stuck_since_) return *stuck_since_ + kSilentHeartbeats * heartbeat_;
  return std::nullopt;
}

}  // namespace charter::supervisor
