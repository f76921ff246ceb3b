// State files of runs that are over which could not be written before their ends were told: worker
// mode `project` writes them from the journals, one after the other, until the disk takes them.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>

#include "ipc/layout.h"
#include "supervisor/clock.h"
#include "supervisor/launcher.h"
#include "supervisor/registry.h"

namespace charter::supervisor {

class LateFiles {
 public:
  // `written`: the file of that run shows its end.
  LateFiles(const boost::asio::any_io_executor& executor, const WorkerProgram& worker,
            const ipc::Layout& layout, const Registry& registry, Spawner& spawner,
            Launcher::Settings settings, std::function<void(const RunPtr&)> written);

  // A run whose file is late.
  void expect(const RunPtr& run);

 private:
  // Between two tries; longer and longer while none succeeds.
  static constexpr std::chrono::milliseconds kSoon{1000};
  static constexpr std::chrono::milliseconds kLate{30'000};

  void write_next();
  void ended(bool well);

  const Registry& registry_;
  const SandboxPolicy no_sandbox_;  // nothing of a run's is started
  Launcher launcher_;
  std::function<void(const RunPtr&)> written_;
  std::deque<RunPtr> due_;
  std::shared_ptr<Run> writing_;  // stands in for the first of them while its worker lives
  Timer timer_;
  bool timer_set_ = false;
  std::chrono::milliseconds wait_ = kSoon;
};

}  // namespace charter::supervisor
