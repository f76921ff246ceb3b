// Removes the temporary directories of sandboxed runs that are over (ipc::Layout::scratch), by a
// process that does nothing else: there may be much in them.
#pragma once

#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include "ipc/layout.h"
#include "supervisor/process_watch.h"
#include "supervisor/spawner.h"
#include "supervisor/worker_program.h"

namespace charter::supervisor {

class ScratchKeeper {
 public:
  // All outlive this.
  ScratchKeeper(boost::asio::any_io_executor executor, const WorkerProgram& worker,
                const ipc::Layout& layout, Spawner& spawner);
  ~ScratchKeeper() { *alive_ = false; }
  ScratchKeeper(const ScratchKeeper&) = delete;
  ScratchKeeper& operator=(const ScratchKeeper&) = delete;

  // No process of the run is left.
  void finished(const std::string& run);
  // At the start: whatever is there of no run that `kept` names.
  void sweep(const std::vector<std::string>& kept);

 private:
  void remove(std::vector<std::string> directories);

  boost::asio::any_io_executor executor_;
  const WorkerProgram& worker_;
  const ipc::Layout& layout_;
  Spawner& spawner_;
  std::vector<std::string> waiting_;
  bool busy_ = false;
  std::unique_ptr<ProcessWatch> process_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace charter::supervisor
