// Mode `sandbox`: which level of sandbox this host can give, found out by making one and having a
// process enter it.
#pragma once

#include "ipc/sandbox.h"

namespace charter::worker {

[[nodiscard]] ipc::SandboxAbility probe_sandbox();

// Writes the ability to descriptor 1 (ipc::to_text). The exit code.
[[nodiscard]] int probe_main();

}  // namespace charter::worker
