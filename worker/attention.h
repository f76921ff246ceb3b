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

class Attention {
 public:
  enum class Wake { ready, deadline };

  // Blocks the signals it attends to. `guardian` is the parent; `reaper` outlives this.
  Attention(pid_t guardian, Reaper& reaper);

  void set_chores(Chores* chores) { chores_ = chores; }

  // Waits until one of `entries` (at most four; a negative descriptor is skipped) has something,
  // a child has ended, or the deadline (boot clock) has come.
  Wake wait(std::span<pollfd> entries, std::int64_t deadline_ms);

  // Attends to what has already happened, without waiting.
  void check() { (void)attend({}); }

 private:
  bool attend(std::span<pollfd> entries);
  void pass_on(std::uint32_t asker);
  [[noreturn]] void stand_down(std::span<pollfd> entries);
  [[noreturn]] void end_as_orphan();

  pid_t guardian_;
  Reaper& reaper_;
  Chores* chores_ = nullptr;
  ipc::UniqueFd signals_;
};

}  // namespace charter::worker
