// Consecutive state steps, done together: the key-value file is read and published once for all of
// them, and only then does the run claim any of it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "worker/json/value.h"
#include "worker/plan/workflow.h"
#include "worker/steps/artifacts.h"
#include "worker/stores/kv_store.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

// What a state step gives for what it has read, or set, wherever that is kept. A "get" that gives
// its value no name, which only a snapshot can have, is an error.
[[nodiscard]] ipc::Result<Object> outputs_of_get(const Step& step, Value value);
[[nodiscard]] Object outputs_of_set(const Step& step);

struct StateStepResult {
  const Step* step = nullptr;
  std::int64_t begun_us = 0;
  std::int64_t ended_us = 0;
  std::int64_t duration_ms = 0;
  Object outputs;
  std::optional<std::string> error;  // of the last one only: nothing is done behind it
};

// How many of `steps` from the front can be done as one group: state steps whose outputs the run
// does not have yet.
[[nodiscard]] std::size_t state_group_size(std::span<const Step> steps, const RunState& state);

// Does them. The outputs of those that succeeded are in `state` afterwards, and what they set is
// durable. When publishing fails, that is the error of the first step that sets anything.
[[nodiscard]] std::vector<StateStepResult> run_state_group(std::span<const Step> steps,
                                                           RunState& state, KvStore& store,
                                                           const Artifacts& artifacts);

}  // namespace charter::worker
