// How often a step is tried, and for how long.
#pragma once

#include <optional>
#include <string>

#include "worker/plan/problems.h"
#include "worker/plan/workflow.h"

namespace charter::worker {

[[nodiscard]] std::optional<RetryPolicy> parse_retry(const Value& raw, const std::string& step,
                                                     Problems& problems);

// "30s", "10m", "2h"; null: none. `context` is "Step 'a': timeout" or "Step timeout".
[[nodiscard]] std::optional<StepTimeout> parse_timeout(const Value& raw, const std::string& context,
                                                       Problems& problems);

}  // namespace charter::worker
