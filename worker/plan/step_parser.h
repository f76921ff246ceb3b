// One step of a plan, by its type.
#pragma once

#include <optional>
#include <string>

#include "worker/plan/problems.h"
#include "worker/plan/step_io.h"
#include "worker/plan/workflow.h"

namespace charter::worker {

// `raw` has a usable id. Nothing, and problems, when the step cannot be made out at all.
[[nodiscard]] std::optional<Step> parse_step(const Object& raw, StepType type, Problems& problems,
                                             SeenOutputs& seen);

// A relative path without "..".
[[nodiscard]] bool is_inner_path(std::string_view path);

inline constexpr std::string_view kBindingPrefix = "binding/";
inline constexpr std::string_view kCapabilityPrefix = "capability/";

}  // namespace charter::worker
