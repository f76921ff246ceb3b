// Ending a run without the daemon: the run's own guardian, named by its journal, is asked by a
// signal, and the journal tells how it went.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "client/kill_report.h"
#include "client/outcome.h"
#include "ipc/layout.h"

namespace charter::client {

// The code of the failure when the run executes in another pid namespace, where no signal of this
// process reaches.
inline constexpr const char* kElsewhere = "elsewhere";

// Waits until the run's tree is gone and the journal says so. A run of which no process lives is
// kExitNoDaemon, since only a daemon could end it, or a report that it has finished.
[[nodiscard]] Expected<KillReport> kill_by_guardian(const ipc::Layout& layout,
                                                    const std::string& run_id,
                                                    std::uint32_t grace_ms,
                                                    const std::optional<std::string>& note);

}  // namespace charter::client
