// Removes the control groups of runs that their guardians could not remove: these had died, or
// something was in the groups a moment longer than they waited.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <map>
#include <string>

#include "supervisor/clock.h"
#include "supervisor/run_limits.h"

namespace charter::supervisor {

class GroupSweeper {
 public:
  // `limits` outlives this.
  GroupSweeper(const boost::asio::any_io_executor& executor, const RunLimits& limits)
      : limits_(limits), timer_(executor) {}

  // At the daemon's start: looks at once, waiting a little for what it has ended.
  void start();
  // A run's worker has ended: looks a little later, and again as long as something is left.
  void soon();

 private:
  void look(int patience_ms);
  void wait();

  const RunLimits& limits_;
  Timer timer_;
  bool waits_ = false;
  std::chrono::seconds delay_{0};    // the last one, while something is left
  std::map<std::string, int> left_;  // how often each group that is there was found so
};

}  // namespace charter::supervisor
