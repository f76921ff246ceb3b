// One run that is waited for: followed through the daemon, or, as long as that does not know it,
// by its state file.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/control.h"
#include "client/follow.h"
#include "client/outcome.h"
#include "client/waiting.h"

namespace charter::client {

class AwaitedRun {
 public:
  // `take` gets its events as they come. Nothing is waited for beyond the deadline.
  AwaitedRun(const Target& target, std::string run, bool known, Deadline deadline, TakeEvent take);
  AwaitedRun(const AwaitedRun&) = delete;
  AwaitedRun& operator=(const AwaitedRun&) = delete;

  // Takes what is new without waiting; true once the run has ended.
  [[nodiscard]] Expected<bool> advance();
  // Asks or tells what it waits for, once for each pause. False when the person has left it open.
  [[nodiscard]] Expected<bool> attend();

  // Whether attend() may have something to say.
  [[nodiscard]] bool asks() const { return waiting_ && !attended_; }

  [[nodiscard]] const std::string& id() const { return run_; }
  [[nodiscard]] const RunEnd& end() const { return end_; }
  [[nodiscard]] bool away() const { return foreign_ ? away_ : follower_.away(); }
  // What to wait for between two calls: its follower, and a time.
  [[nodiscard]] const Follower* follower() const { return foreign_ ? nullptr : &follower_; }
  [[nodiscard]] Deadline due() const;

 private:
  void take(const EventView& event);
  [[nodiscard]] Expected<Fields> ask_status() const;
  [[nodiscard]] Expected<bool> look();
  [[nodiscard]] bool look_at_file();
  [[nodiscard]] bool confirmed();
  [[nodiscard]] Expected<bool> ask_person();

  const Target& target_;
  std::string run_;
  Deadline deadline_;
  TakeEvent take_;
  Follower follower_;
  bool foreign_;          // not the daemon's, as far as we know
  Deadline look_at_ = 0;  // the next look at the daemon or the state file
  bool away_ = false;     // there was no daemon at the last of them
  Deadline give_up_ = 0;  // when neither of the two has told of it for long; 0 while one does
  std::optional<Waiting> waiting_;
  std::int64_t waiting_seq_ = 0;  // of the pending event
  bool attended_ = false;
  RunEnd end_;
};

}  // namespace charter::client
