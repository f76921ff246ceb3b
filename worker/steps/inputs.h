// What a step's declared inputs stand for: a value as it is, or a name looked up among variables
// and outputs, with a path into maps and lists behind the first dot.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "worker/json/value.h"
#include "worker/plan/workflow.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

// Points into the step and the state; valid until either changes.
struct ResolvedInput {
  const std::string* name = nullptr;
  const Value* value = nullptr;
};

// In declared order. The error is the step's, as the gateway sees it.
[[nodiscard]] ipc::Result<std::vector<ResolvedInput>> resolve_inputs(const Step& step,
                                                                     const RunState& state);

// One input; the error lacks the step's and the input's name.
[[nodiscard]] ipc::Result<const Value*> resolve_input(const StepInput& input,
                                                      const RunState& state);

// A list index as Python's int() reads it: sign, spaces, underscores and any script's digits.
// Nothing when it is no integer at all; an index no list can have is -1.
[[nodiscard]] std::optional<long long> list_index(std::string_view text);

}  // namespace charter::worker
