// A run's events, read once or followed to the run's end over restarts of the daemon.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "client/control.h"
#include "client/event_view.h"
#include "client/outcome.h"

namespace charter::client {

// How long a follower waits for a daemon that went away.
inline constexpr std::int64_t kReconnectMs = 60'000;
[[nodiscard]] Failure did_not_come_back();

// How the run stands when its events have been read; `status` is empty while it has not ended.
struct RunEnd {
  std::string status;  // completed, failed, cancelled
  std::string error;
};

using TakeEvent = std::function<void(const EventView&)>;

class Follower {
 public:
  // `take` gets each event from number `from` on exactly once, in order. `known` says that the
  // daemon has just answered for this run, so that it counts as away, and not as missing, when the
  // first connection fails.
  Follower(const Target& target, std::string run_id, std::int64_t from, bool known, TakeEvent take)
      : target_(target),
        run_id_(std::move(run_id)),
        next_(from),
        known_(known),
        take_(std::move(take)) {}

  // What there is now.
  [[nodiscard]] Expected<RunEnd> read();
  // To the end of the run, or until nobody reads what is printed any more.
  [[nodiscard]] Expected<RunEnd> follow();

  // The same step by step, for those who have more to look after. Takes what there is and does not
  // wait; true once the run has ended, and then end() says how.
  [[nodiscard]] Expected<bool> advance();
  [[nodiscard]] const RunEnd& end() const { return end_; }
  // Readable when advance() has something to take; -1 while there is no connection.
  [[nodiscard]] int descriptor() const { return connection_ ? connection_->descriptor() : -1; }
  // When advance() has something to do in any case.
  [[nodiscard]] Deadline due() const { return connection_ ? kNever : next_try_; }
  // The daemon went away and has not come back.
  [[nodiscard]] bool away() const { return away_; }

 private:
  enum class Pass { finished, lost, waiting };
  [[nodiscard]] Expected<Pass> connect(bool follow);
  [[nodiscard]] Expected<Pass> read_lines(Deadline deadline);
  [[nodiscard]] Expected<Pass> last_line(std::string_view line, std::string_view code);
  [[nodiscard]] Expected<bool> lost();
  [[nodiscard]] Expected<Pass> lost_by(const ipc::Error& error);
  [[nodiscard]] Expected<bool> learn_end();
  void take(const EventView& event);

  const Target& target_;
  std::string run_id_;
  std::int64_t next_;
  bool known_;
  TakeEvent take_;
  RunEnd end_;
  std::optional<Connection> connection_;
  bool away_ = false;
  Deadline next_try_ = 0;
  Deadline give_up_ = 0;   // while away
  std::string ended_how_;  // "terminal" or "now", from the last line
  Failure lost_;           // why the last connection was lost
};

// Says once that the daemon is gone when one of the followers finds it so, and again after it was
// back.
class Outage {
 public:
  void tell(bool away);

 private:
  bool told_ = false;
};

// Waits until one of them has something to take or to do, or until the deadline.
void wait_for_any(std::span<const Follower* const> followers, Deadline deadline);

}  // namespace charter::client
