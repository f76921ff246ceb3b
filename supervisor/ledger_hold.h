// The mark in the ledger's directory that keeps a daemon from starting anything there, until
// someone decides that this ledger, and what is left of its runs, is this daemon's.
#pragma once

#include <string>

#include "ipc/error.h"

namespace charter::supervisor {

// Why the ledger is held; empty when it is not.
[[nodiscard]] ipc::Result<std::string> read_hold(const std::string& directory);
// Durably, as is the end.
[[nodiscard]] ipc::Result<void> write_hold(const std::string& directory, const std::string& reason);
[[nodiscard]] ipc::Result<void> end_hold(const std::string& directory);

}  // namespace charter::supervisor
