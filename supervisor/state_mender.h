// After a loss of power the state file of a run that had just ended may be empty, cut, or of an
// earlier moment: an end is told when the journal is on disk, and the file need not be. So the
// first daemon of each boot looks for such files, and has worker mode `project` make them good
// from the journals while it serves.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <unordered_set>

#include "ipc/layout.h"
#include "supervisor/launcher.h"
#include "supervisor/registry.h"

namespace charter::supervisor {

class StateMender {
 public:
  StateMender(boost::asio::any_io_executor executor, const WorkerProgram& worker,
              const ipc::Layout& layout, const Registry& registry, Spawner& spawner,
              Launcher::Settings settings);

  // Before anything is written: notes which runs were written to last. None when all was done since
  // the machine started.
  void look_back();
  // Once the registry knows every run that is not over. Calls `done` when the files are good, at
  // once where none has to be looked at; until then the journals are needed.
  void start(std::function<void()> done);

 private:
  void look_at_some();
  [[nodiscard]] bool is_over(const std::string& run) const;
  [[nodiscard]] bool needs_mending(Run& run) const;
  void mend_some();
  void mend(const RunPtr& run);
  void finish();

  boost::asio::any_io_executor executor_;
  const ipc::Layout& layout_;
  const Registry& registry_;
  const SandboxPolicy no_sandbox_;  // nothing of a run's is started
  Launcher launcher_;
  std::string boot_id_;
  bool due_ = false;
  bool unknown_ = false;  // what there is to look at could not be told: nothing is mended or done
  bool finished_ = false;
  std::deque<std::string> to_look_at_;
  std::deque<RunPtr> to_mend_;
  std::unordered_set<RunPtr> mending_;
  std::size_t mended_ = 0;
  std::function<void()> done_;
};

}  // namespace charter::supervisor
