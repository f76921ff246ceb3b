// Who wants to hear when a run has moved: a client that follows or waits.
#pragma once

#include <memory>

namespace charter::supervisor {

struct Run;

class RunWatcher {
 public:
  virtual ~RunWatcher() = default;
  // More durable events, or another state. Must not destroy the run.
  virtual void moved(Run& run) = 0;
};

// The watcher is told from now on, as long as it exists.
void watch(Run& run, std::weak_ptr<RunWatcher> watcher);

// Tells all that still exist and forgets the others.
void tell_watchers(Run& run);

}  // namespace charter::supervisor
