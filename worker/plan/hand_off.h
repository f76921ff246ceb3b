// The checks of a hand-off, in the reference's order.
#pragma once

#include <string>

#include "ipc/prepare.h"
#include "worker/plan/failure.h"
#include "worker/plan/files.h"
#include "worker/plan/storage_probe.h"
#include "worker/plan/workflow.h"

namespace charter::worker {

// A run that can begin.
struct PreparedRun {
  std::string workflow_path;  // resolved
  std::string project_root;   // nearest to the plan
  Workflow workflow;
  Value snapshot;  // of the workflow, as it is stored
  Object variables;
  Object capabilities;
  bool has_driver = false;  // the project's state is not in files
};

// What is handed off: by the CLI over the socket, or by a launch to itself. `snapshot` may be
// null: the plan file is read.
struct HandOff {
  std::string project_root;
  std::string workflow_id;
  std::string workflow_path;
  const Value* snapshot = nullptr;
  Object variables;
  Object capabilities;
};

// Without `open_probe` a storage driver is not asked.
[[nodiscard]] Outcome<PreparedRun> check_hand_off(Files& files, HandOff request,
                                                  const OpenProbe& open_probe = {});

}  // namespace charter::worker
