// Waits until a run that was asked to end has ended, and tells whoever asked.
#pragma once

#include <sys/types.h>

#include <memory>

#include "supervisor/clock.h"
#include "supervisor/control_session.h"
#include "supervisor/run.h"
#include "supervisor/run_watcher.h"

namespace charter::supervisor {

class KillReport final : public RunWatcher {
 public:
  explicit KillReport(const SessionPtr& session) : session_(session) {}
  void moved(Run& run) override;

 private:
  std::weak_ptr<ControlSession> session_;
  BootClock::time_point asked_ = BootClock::now();
};

// The answer for a run that had ended before anyone asked.
[[nodiscard]] std::string already_finished(WireStatus status);

}  // namespace charter::supervisor
