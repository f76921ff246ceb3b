// Latency on a busy machine: the supervisor wakes often, for a moment each time, and clients wait.
#pragma once

namespace charter::supervisor {

// Asks the scheduler to give the calling thread its share of a processor in short slices, so that
// it runs soon after it wakes instead of behind steps that compute. It gets no larger share. Does
// nothing where the policy is not SCHED_OTHER. Children and new threads do not inherit it.
// Linux 6.12 and newer heed it (sched_setattr(2), `sched_runtime` of SCHED_OTHER); older ones
// ignore it.
void ask_for_short_slices();

}  // namespace charter::supervisor
