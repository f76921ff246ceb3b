// Who wants to hear when a run has moved: a client that follows or waits.
#pragma once

namespace charter::supervisor {

struct Run;

class RunWatcher {
 public:
  virtual ~RunWatcher() = default;
  // More durable events, or another state. Must not destroy the run.
  virtual void moved(Run& run) = 0;
};

// Tells all that still exist and forgets the others.
void tell_watchers(Run& run);

}  // namespace charter::supervisor
