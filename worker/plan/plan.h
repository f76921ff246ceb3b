// A plan.yml: every problem the format knows, in its order and words.
#pragma once

#include <string_view>

#include "worker/plan/failure.h"
#include "worker/plan/workflow.h"

namespace charter::worker {

// `text` is the file's; `workflow_id` becomes the definition's id.
[[nodiscard]] Outcome<Workflow> parse_plan(std::string_view text, std::string_view workflow_id);

// The same from what YAML made of it.
[[nodiscard]] Outcome<Workflow> check_plan(const Value& data, std::string_view workflow_id);

}  // namespace charter::worker
