// What a run begins with that goes on where another one ended: the other's finished steps, its
// decisions, its snapshot and its variables.
#pragma once

#include "ipc/prepare.h"

namespace charter::worker {

// Answers a request of the kind `retry`. The journal has to be that of a run that has ended; a run
// that has not begun is in the state file alone. Refused as `not_retryable`, with the reason, when
// journal or snapshot cannot be used.
[[nodiscard]] ipc::PrepareReply read_seed(const ipc::PrepareRequest& request);

}  // namespace charter::worker
