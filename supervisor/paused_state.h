// A run that waits in a state file of another hand: of the CLI, or of the daemon before this one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ipc/layout.h"
#include "supervisor/run.h"

namespace charter::supervisor {

// Which file it is: another hand replaces it.
struct FileIdentity {
  std::uint64_t inode = 0;
  std::int64_t mtime_ns = 0;
  std::uint64_t size = 0;
  bool operator==(const FileIdentity&) const = default;
};
// Nothing when there is none.
[[nodiscard]] std::optional<FileIdentity> identity_of(const std::string& path);

struct PausedState {
  std::string workflow_id;
  std::string workflow_path;  // empty when no plan is found for it
  std::string step;
  PauseKind waits_at = PauseKind::gate;
  FileIdentity file;  // as it was before it was read
};

// Reads the run's state file; nothing when there is none or it does not say `paused`.
[[nodiscard]] std::optional<PausedState> read_paused_state(const ipc::Layout& layout,
                                                           const std::string& run_id);

// The status that the run's state file says; nothing when there is none, or it is not this run's.
[[nodiscard]] std::optional<std::string> status_in_state_file(const ipc::Layout& layout,
                                                              const std::string& run_id);

}  // namespace charter::supervisor
