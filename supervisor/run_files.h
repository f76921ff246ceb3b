// What the daemon keeps of a run on disk. State files and artifacts are the user's record and no
// part of it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ipc/json_scan.h"
#include "ipc/layout.h"
#include "ipc/log_segment.h"

namespace charter::supervisor {

// How much of a state is read, and how deep. No burst begins with more, nor is a run taken whose
// first state is larger than ipc::kMostStateOfBurst.
inline constexpr std::size_t kStateLimit = ipc::kMaxFrameBytes;
inline constexpr ipc::JsonLimits kStateLimits{kStateLimit, 1000, true};

// Removes a run's journal and what lies beside it, the journal last: what was interrupted is found
// again. May wait for a disk. Returns why something is left, or nothing.
[[nodiscard]] ipc::Result<void> remove_run_files(const ipc::Layout& layout, std::string_view run);

// The project inside the daemon's that a run with a journal belongs to, from the state its first
// burst began with; empty for the daemon's own. Looks at the disk.
[[nodiscard]] std::string nested_project(const ipc::Layout& layout, std::string_view run);

}  // namespace charter::supervisor
