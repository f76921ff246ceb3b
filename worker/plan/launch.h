// A launch by a workflow's id, as `run.start` and this daemon's own client ask for it.
#pragma once

#include <string>

#include "worker/plan/failure.h"
#include "worker/plan/files.h"
#include "worker/plan/hand_off.h"

namespace charter::worker {

struct LaunchRequest {
  std::string project_root;
  std::string workflow_id;
  Object variables;
  bool text_variables = false;  // as on the command line
};

// The hand-off a launch makes of itself; the caller still has it checked. Its snapshot is
// `snapshot`, filled here.
[[nodiscard]] Outcome<HandOff> prepare_launch(Files& files, const LaunchRequest& request,
                                              Value& snapshot);

}  // namespace charter::worker
