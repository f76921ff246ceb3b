// A launch by a workflow's id, as `run.start` and this daemon's own client ask for it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "worker/plan/failure.h"
#include "worker/plan/files.h"
#include "worker/plan/hand_off.h"
#include "worker/plan/runtime.h"
#include "worker/plan/secret_backends.h"

namespace charter::worker {

// Starts what answers about a project's secrets; nothing where that cannot be had.
using OpenBackends =
    std::function<std::unique_ptr<SecretBackends>(PythonRuntime runtime, const std::string& root)>;

struct LaunchRequest {
  std::string project_root;
  std::string workflow_id;
  Object variables;
  bool text_variables = false;  // as on the command line
  OpenBackends open_backends;
};

// The hand-off a launch makes of itself; the caller still has it checked. Its snapshot is
// `snapshot`, filled here.
[[nodiscard]] Outcome<HandOff> prepare_launch(Files& files, const LaunchRequest& request,
                                              Value& snapshot);

}  // namespace charter::worker
