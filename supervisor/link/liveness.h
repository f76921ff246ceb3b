// Whether a connection still lives. Pure: readings and times come in, a verdict goes out.
//
// | what is seen                                               | verdict |
// |------------------------------------------------------------|---------|
// | a ping is unanswered for two heartbeats, nothing came in   | silent  |
// | bytes come in, but no pong for kPongPatience heartbeats    | no_pong |
// | the gateway never pongs: our send queue stands still for two heartbeats | silent |
// | we do not read: the same                                   | silent  |
// | anything else                                              | alive   |
//
// A ping that waits behind our own unsent bytes has not been asked yet: while the queue in front
// of it falls, its clock starts anew, so a slow uplink is not a dead one. What is sent behind it,
// as answers to a gateway that pings often, does not count.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include "supervisor/link/tcp_counters.h"

namespace charter::supervisor {

class Liveness {
 public:
  using Clock = std::chrono::steady_clock;

  enum class Verdict { alive, silent, no_pong };

  // `pongs_expected` is false for a gateway known to answer no pings.
  Liveness(std::chrono::milliseconds heartbeat, bool pongs_expected);

  // A ping was handed to the connection.
  void asked(Clock::time_point now);
  void ponged();
  [[nodiscard]] bool has_ponged() const { return has_ponged_; }
  // `held_back` says that bytes of ours still wait in front of the kernel's queue, `deaf` that
  // nothing is read, pongs no more than anything else.
  [[nodiscard]] Verdict judge(Clock::time_point now, const TcpCounters& reading, bool held_back,
                              bool deaf = false);
  // When judge() is to be asked again at the latest; nothing when no ping is out.
  [[nodiscard]] std::optional<Clock::time_point> deadline() const;

 private:
  [[nodiscard]] Verdict judge_queue(Clock::time_point now, bool unsent, bool falling);

  static constexpr int kSilentHeartbeats = 2;
  static constexpr int kPongPatience = 24;

  std::chrono::milliseconds heartbeat_;
  bool pongs_expected_;
  bool has_ponged_ = false;
  TcpCounters last_;
  std::optional<Clock::time_point> asked_at_;       // the first ping after the last movement
  std::optional<Clock::time_point> pong_due_from_;  // the first ping after the last pong
  std::optional<std::uint64_t> ping_end_;           // where that ping ends among the bytes sent
  std::optional<Clock::time_point> stuck_since_;    // the send queue stands still
};

}  // namespace charter::supervisor
