#include "supervisor/slot_queue.h"

#include <utility>

namespace charter::supervisor {

bool waits_for_slot(const Run& run) {
  if (run.cancellation() != nullptr) return false;
  if (run.state == RunState::queued) return true;
  return run.state == RunState::paused && run.decision() != nullptr;
}

void SlotQueue::return_to_front(RunPtr run) {
  (run->state == RunState::paused ? resumes_ : starts_).push_front(std::move(run));
}

RunPtr SlotQueue::pop(std::deque<RunPtr>& queue) {
  while (!queue.empty()) {
    RunPtr run = std::move(queue.front());
    queue.pop_front();
    if (waits_for_slot(*run) && !run->holds_slot) return run;
  }
  return nullptr;
}

RunPtr SlotQueue::take() {
  if (used_ >= slots_) return nullptr;
  RunPtr run = pop(resumes_);
  if (run == nullptr) run = pop(starts_);
  if (run != nullptr) occupy(*run);
  return run;
}

void SlotQueue::occupy(Run& run) {
  if (run.holds_slot) return;
  run.holds_slot = true;
  ++used_;
}

void SlotQueue::release(Run& run) {
  if (!run.holds_slot) return;
  run.holds_slot = false;
  --used_;
}

}  // namespace charter::supervisor
