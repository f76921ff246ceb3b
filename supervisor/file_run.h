// A run of which only a state file tells: another hand carries it out, or has.
#pragma once

#include <optional>
#include <string>

#include "ipc/layout.h"
#include "supervisor/intake.h"

namespace charter::supervisor {

// Why what is left of the run may not be removed: it is not over (`still_active`), or there is no
// such run (`unknown_run`). Nothing when its file says that it is over. Reads the file.
[[nodiscard]] std::optional<Refusal> refuse_to_forget_file(const ipc::Layout& layout,
                                                           const std::string& run_id);

// Why the daemon cannot kill the run (`unknown_run`), and who ends it. Reads the file.
[[nodiscard]] Refusal refuse_to_kill_file(const ipc::Layout& layout, const std::string& run_id);

}  // namespace charter::supervisor
