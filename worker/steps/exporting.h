// An export step: a step's output becomes a file of the project.
#pragma once

#include "ipc/error.h"
#include "worker/json/value.h"
#include "worker/plan/workflow.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

// Writes text as it is and everything else as indented JSON, durably, below `root` and nowhere
// else; missing directories are made. The state shows the contents of the artifact the step names.
// Errors are the step's.
[[nodiscard]] ipc::Result<Object> export_output(const Step& step, const RunState& state,
                                                const std::string& root);

}  // namespace charter::worker
