// Spawns children on a thread of its own: whoever makes a child stands still until it executes its
// program, and on a busy machine that takes milliseconds.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <vector>

#include "ipc/unique_fd.h"
#include "supervisor/child_table.h"
#include "supervisor/spawn.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

class Spawner {
 public:
  // What `spec` points at must stay until `done`; the descriptors it names that nobody else keeps
  // are in `owned`, and closed once the child has them.
  struct Order {
    SpawnSpec spec;
    std::vector<ipc::UniqueFd> owned;
  };
  using Done = std::function<void(ipc::Result<SpawnedProcess>)>;

  Spawner(boost::asio::any_io_executor executor, ChildTable& children)
      : children_(children), thread_(std::move(executor)) {}

  // Calls `done` on the loop. The child is in the table already, as its watch will have it.
  void spawn(Order order, Done done);

  [[nodiscard]] ChildTable& children() { return children_; }

 private:
  ChildTable& children_;
  SyncThread thread_;
};

}  // namespace charter::supervisor
