// Keeps sensitive values out of texts for people: what a step prints when it fails becomes the
// run's error, and may hold what the workflow declared sensitive.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "worker/json/value.h"
#include "worker/plan/workflow.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

// Shorter values are no secrets: they are in every text.
inline constexpr std::size_t kLeastSecret = 4;

// The texts that must not be shown: every sensitive value of four characters or more that the run
// knows, as it is and as it looks inside JSON and Python's repr(): inputs declared sensitive, as
// far as they can be resolved, outputs declared sensitive, and the others given.
[[nodiscard]] std::vector<std::string> sensitive_texts(const Workflow& workflow,
                                                       const RunState& state,
                                                       const std::vector<std::string>& others = {});

// Replaces all of them in a text, those that overlap as one.
[[nodiscard]] std::string mask(std::string_view text, const std::vector<std::string>& secrets);
// In every text inside the value, names too. To be asked before a repr() is made of it: the texts
// may be renderings themselves, whose form a further one changes.
[[nodiscard]] Value mask(const Value& value, const std::vector<std::string>& secrets);

}  // namespace charter::worker
