// Keeps sensitive values out of texts for people: what a step prints when it fails becomes the
// run's error, and may hold what the workflow declared sensitive.
#pragma once

#include <string>
#include <vector>

#include "worker/events.h"
#include "worker/plan/workflow.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

// Replaces every sensitive value of four characters or more that the run knows: inputs declared
// sensitive, as far as they can be resolved, outputs declared sensitive, and the others given.
[[nodiscard]] MaskedText mask(const std::string& text, const Workflow& workflow,
                              const RunState& state, const std::vector<std::string>& others = {});

}  // namespace charter::worker
