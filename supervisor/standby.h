// A worker before there is a run for it (worker mode `standby`), which has an interpreter ready: a
// run whose integrations are Python begins in milliseconds then. There is one at most, for the
// daemon's own project, made when a Python run has ended, and for a minute.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <optional>

#include "ipc/layout.h"
#include "ipc/unique_fd.h"
#include "supervisor/clock.h"
#include "supervisor/process_watch.h"
#include "supervisor/spawner.h"
#include "supervisor/worker_program.h"

namespace charter::supervisor {

class Standby {
 public:
  // All outlive this.
  Standby(boost::asio::any_io_executor executor, const WorkerProgram& worker,
          const ipc::Layout& layout, Spawner& spawner);
  ~Standby() { *alive_ = false; }
  Standby(const Standby&) = delete;
  Standby& operator=(const Standby&) = delete;

  // Sees that there is one, soon.
  void warm();
  // Hands the run over: the process that is its guardian now; nothing when there is none waiting.
  // The caller keeps its own copies of the descriptors.
  [[nodiscard]] std::optional<SpawnedProcess> hand_over(int journal, int job);

 private:
  void spawned(ipc::UniqueFd socket, ipc::Result<SpawnedProcess> process);
  void leave();

  boost::asio::any_io_executor executor_;
  const WorkerProgram& worker_;
  const ipc::Layout& layout_;
  Spawner& spawner_;
  Timer idle_;
  bool coming_ = false;
  ipc::UniqueFd socket_;
  std::unique_ptr<ProcessWatch> process_;
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace charter::supervisor
