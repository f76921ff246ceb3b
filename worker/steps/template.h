// `{{ name }}` in what a gate shows: any white space, one run of word characters, nothing else.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

// The text with each placeholder replaced, values that are no text as JSON. The error names the
// first placeholder that stands for nothing.
[[nodiscard]] ipc::Result<std::string> fill_template(std::string_view text, const RunState& state);

// The names in its placeholders.
[[nodiscard]] std::vector<std::string> template_names(std::string_view text);

}  // namespace charter::worker
