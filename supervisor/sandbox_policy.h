// Which runs are put into a sandbox, what this host can give them, and what they do not see.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ipc/layout.h"
#include "ipc/prepare.h"
#include "ipc/sandbox.h"
#include "supervisor/worker_program.h"

namespace charter::supervisor {

struct SandboxPolicy {
  bool every_run = false;  // --sandbox project
  ipc::SandboxAbility ability;
  std::vector<std::string> hidden;

  // What the job of a run is told that wants one for itself, or does not. `project`: its own, which
  // may be nested in the daemon's. Where none can be had the least is ordered all the same: its
  // worker then says why there is none, and the run fails.
  [[nodiscard]] ipc::Sandbox of(bool wanted, const ipc::Layout& project) const;
  // The same for a question about such a run, and where the daemon's data is if it matters.
  void put_into(ipc::PrepareRequest& question, bool wanted, const ipc::Layout& project) const;
  // Why such a run cannot begin; nothing when it can.
  [[nodiscard]] std::optional<std::string> refusal(bool wanted) const;
  // {"mode":…,"level":…,"landlock":…,"missing":[…]}
  [[nodiscard]] std::string view() const;
};

// Asks worker mode `sandbox`, and waits for it. What keeps it from answering is an ability, too:
// none.
[[nodiscard]] ipc::SandboxAbility ask_for_ability(const WorkerProgram& worker,
                                                  const ipc::Layout& layout);

}  // namespace charter::supervisor
