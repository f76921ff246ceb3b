// What a gate, or an input step, shows to whoever has to answer.
#pragma once

#include <string>

#include "ipc/error.h"
#include "worker/events.h"
#include "worker/plan/workflow.h"
#include "worker/steps/artifacts.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

// The pending event of a step the run waits at. Errors are the run's: a template names something
// that does not exist, or is no text, or an artifact
// that cannot be loaded.
[[nodiscard]] ipc::Result<EventDraft> pending_event(const Step& step, RunState& state,
                                                    const Artifacts& artifacts);

}  // namespace charter::worker
