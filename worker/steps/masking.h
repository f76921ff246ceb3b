// Keeps sensitive values out of texts for people: what a step prints when it fails becomes the
// run's error, and may hold what the workflow declared sensitive.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "worker/events.h"
#include "worker/plan/workflow.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

// Shorter values are no secrets: they are in every text.
inline constexpr std::size_t kLeastSecret = 4;

// The texts that must not be shown, longest first: every sensitive value of four characters or more
// that the run knows, as it is and as it looks inside JSON: inputs declared sensitive, as far as
// they can be resolved, outputs declared sensitive, and the others given.
[[nodiscard]] std::vector<std::string> sensitive_texts(const Workflow& workflow,
                                                       const RunState& state,
                                                       const std::vector<std::string>& others = {});

// Replaces all of them in a text.
[[nodiscard]] MaskedText mask(const std::string& text, const Workflow& workflow,
                              const RunState& state, const std::vector<std::string>& others = {});

}  // namespace charter::worker
