// Asks guardians to end their runs: the note first, durable, then the signal (ipc/peer.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ipc/layout.h"
#include "supervisor/run.h"
#include "supervisor/sync_thread.h"

namespace charter::supervisor {

class KillLadder {
 public:
  KillLadder(SyncThread& disk, const ipc::Layout& layout) : disk_(disk), layout_(layout) {}

  // Whether the run has a guardian that can be signalled; if so it will be, also when the note
  // cannot be written. Asking twice is harmless: the guardian takes the shorter grace. Worker mode
  // `project` is ending the run already, and is left alone.
  bool end(const RunPtr& run, const ipc::Command& command);

 private:
  void signal(const RunPtr& run, std::uint32_t grace_ms);
  SyncThread& disk_;
  const ipc::Layout& layout_;
};

}  // namespace charter::supervisor
