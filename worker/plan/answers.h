// The answers to an input step's form: whether they are accepted, and the outputs they become.
#pragma once

#include <string>

#include "worker/json/value.h"
#include "worker/plan/failure.h"
#include "worker/plan/workflow.h"

namespace charter::worker {

// `submission` is {"kind": "form", "answers": {...}}. Code and text of a refusal are the
// reference's; the outputs come in the step's declared order.
[[nodiscard]] Outcome<Object> check_answers(const Step& step, const Object& submission);

// The same for the step at which the run of this state file waits; it must wait at one.
[[nodiscard]] Outcome<Object> check_submission(const std::string& state_file,
                                               const Object& submission);

}  // namespace charter::worker
