// What our own client is shown of a run.
#pragma once

#include <optional>
#include <string>

#include "ipc/layout.h"
#include "supervisor/registry.h"
#include "supervisor/run.h"

namespace charter::supervisor {

// JSON objects as docs/PROTOCOL.md describes them.
[[nodiscard]] std::string view_of(const Run& run);
[[nodiscard]] std::string view_of(const FinishedRun& run);

// A finished run that only its journal remembers; nothing when there is none or it has not ended.
[[nodiscard]] std::optional<FinishedRun> finished_in_journal(const ipc::Layout& layout,
                                                             const std::string& run_id);

}  // namespace charter::supervisor
