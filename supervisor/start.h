// The long-running part of charter-daemon.
#pragma once

#include "supervisor/start_options.h"

namespace charter::supervisor {

// Serves the project until SIGTERM, SIGINT or a stop request. Returns the exit code; what went
// wrong at start is on stderr.
[[nodiscard]] int start(const StartOptions& options);

}  // namespace charter::supervisor
