// What the engine attends to while it waits for anything: signals, children, the supervisor
// hanging up, and its own chores. Every wait of the engine goes through here.
//
// Two things end the engine from inside a wait or a check, without unwinding, so that nothing can
// be decided or written after them:
//   asked to stop  (the guardian's stop signal, or TERM to the engine itself, which is passed on
//                  to the guardian): keeps reading what steps write and reaping, leaves with
//                  kExitStopped when no child is left;
//   orphaned       (TERM by the death of the guardian): ends its tree, leaves with kExitOrphaned.
// A signal that caused a step to end was sent before the step ended, so check() after a step's end
// and before anything is concluded from it is never too early.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "ipc/unique_fd.h"
#include "worker/clock.h"
#include "worker/reaper.h"

namespace charter::worker {

// What has to be done from time to time while the engine waits.
class Chores {
 public:
  virtual ~Chores() = default;
  // When something has to be done (boot clock, ms), kNever for not at all.
  [[nodiscard]] virtual std::int64_t due() const = 0;
  virtual void work() = 0;
  // A descriptor whose hanging up is a reason to work(), or -1.
  [[nodiscard]] virtual int hang_up() const = 0;
};

// Who hears what the run's processes print while the engine waits for something else.
class Listener {
 public:
  virtual ~Listener() = default;
  // Descriptors that are looked at in every wait; none of them ends one.
  [[nodiscard]] virtual std::span<pollfd> sources() = 0;
  // Some of them have something, as their `revents` say.
  virtual void listen() = 0;
  // What a step prints that is being ended, and that nobody else takes.
  virtual void overhear(int descriptor, std::string_view bytes) = 0;
  // The engine ends from inside a wait.
  virtual void finish() = 0;
};

class Attention {
 public:
  enum class Wake { ready, deadline };

  // Blocks the signals it attends to. `guardian` is the parent; `reaper` outlives this.
  Attention(pid_t guardian, Reaper& reaper);

  void set_chores(Chores* chores) { chores_ = chores; }
  void set_listener(Listener* listener) { listener_ = listener; }

  // Waits until one of `entries` (a negative descriptor is skipped) has something,
  // a child has ended, or the deadline (boot clock) has come.
  Wake wait(std::span<pollfd> entries, std::int64_t deadline_ms);

  // Attends to what has already happened, without waiting.
  void check() { (void)attend({}); }

  // Reads what has come on these, for nobody but the listener; a closed one is not read again.
  void empty(std::span<pollfd> entries);

 private:
  void drain(std::span<pollfd> entries);
  std::span<pollfd> gather(std::span<pollfd> entries);
  void spread(std::span<pollfd> entries, int ready);
  bool attend(std::span<pollfd> entries);
  void pass_on(std::uint32_t asker);
  [[noreturn]] void stand_down(std::span<pollfd> entries);
  [[noreturn]] void end_as_orphan();

  pid_t guardian_;
  Reaper& reaper_;
  Chores* chores_ = nullptr;
  Listener* listener_ = nullptr;
  std::vector<pollfd> set_;  // what is waited for: signals, chores, entries, the listener's sources
  ipc::UniqueFd signals_;
};

}  // namespace charter::worker
