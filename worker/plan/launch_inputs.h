// The variables a run starts with: what was given, converted to what the workflow declares, and
// its defaults.
#pragma once

#include <string>
#include <string_view>

#include "worker/plan/failure.h"
#include "worker/plan/manifest.h"

namespace charter::worker {

// `given` as `run.start` has it (JSON types kept), or, with `text`, as the command line has it:
// texts, which become what they are as JSON where they are JSON.
[[nodiscard]] Outcome<Object> launch_variables(const Manifest& manifest, const Object& given,
                                               bool text);

}  // namespace charter::worker
