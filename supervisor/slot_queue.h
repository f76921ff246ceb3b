// Who executes next: resumed runs before new ones, each in the order of arrival.
#pragma once

#include <cstddef>
#include <deque>

#include "supervisor/run.h"

namespace charter::supervisor {

class SlotQueue {
 public:
  explicit SlotQueue(std::size_t slots) : slots_(slots) {}

  void add_start(RunPtr run) { starts_.push_back(std::move(run)); }
  void add_resume(RunPtr run) { resumes_.push_back(std::move(run)); }
  // One that could not be started goes back to where it came from.
  void return_to_front(RunPtr run);

  // Takes the next run that still waits, and a slot for it; null when there is no slot or nobody
  // waits. A run that was cancelled meanwhile is passed over.
  [[nodiscard]] RunPtr take();
  // An executing run that was found at start holds a slot too, over the limit if need be.
  void occupy(Run& run);
  void release(Run& run);

  // Fewer than are used take nothing away: the next ones wait until enough are free.
  void set_slots(std::size_t slots) { slots_ = slots; }
  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] std::size_t slots() const { return slots_; }

 private:
  RunPtr pop(std::deque<RunPtr>& queue);
  std::size_t slots_;
  std::size_t used_ = 0;
  std::deque<RunPtr> starts_;
  std::deque<RunPtr> resumes_;
};

// Whether the run waits for a slot: it is queued, or it is paused and was decided upon.
[[nodiscard]] bool waits_for_slot(const Run& run);

}  // namespace charter::supervisor
