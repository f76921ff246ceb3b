// A run's events, read once or followed to the run's end over restarts of the daemon.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "client/control.h"
#include "client/event_view.h"
#include "client/outcome.h"

namespace charter::client {

// How long a follower waits for a daemon that went away.
inline constexpr std::int64_t kReconnectMs = 60'000;

// How the run stands when its events have been read; `status` is empty while it has not ended.
struct RunEnd {
  std::string status;  // completed, failed, cancelled
  std::string error;
};

using TakeEvent = std::function<void(const EventView&)>;

class Follower {
 public:
  // `take` gets each event from number `from` on exactly once, in order.
  Follower(const Target& target, std::string run_id, std::int64_t from, TakeEvent take)
      : target_(target), run_id_(std::move(run_id)), next_(from), take_(std::move(take)) {}

  // What there is now.
  [[nodiscard]] Expected<RunEnd> read();
  // To the end of the run. `known` says that the daemon has just answered for this run, so that
  // it counts as away, and not as missing, when the first connection fails.
  [[nodiscard]] Expected<RunEnd> follow(bool known);

 private:
  enum class Pass { finished, lost };
  [[nodiscard]] Expected<Pass> one_pass(bool follow);
  [[nodiscard]] Expected<Pass> read_lines(Connection& connection);
  void take(const EventView& event);
  [[nodiscard]] Expected<RunEnd> end_of_run();

  const Target& target_;
  std::string run_id_;
  std::int64_t next_;
  TakeEvent take_;
  RunEnd end_;
  bool connected_ = false;  // in the pass under way
  bool answered_ = false;
  std::string ended_how_;  // "terminal" or "now", from the last line
  Failure lost_;           // why the last pass was lost
};

}  // namespace charter::client
