// What a run may take, and the control groups (of either version of the kernel's) that hold it to
// that. The supervisor finds out where groups can be made, the engine makes those of its run and
// enters them before it begins anything, the guardian, which stays outside, removes them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ipc/error.h"

namespace charter::ipc {

struct RunLimits {
  std::uint64_t memory = 0;  // bytes; 0: no limit, here and below
  std::uint64_t pids = 0;    // processes and threads
  std::uint64_t cpu = 0;     // per cent of one processor
  // Directories of the run's own groups; empty where no group keeps the limit.
  std::string memory_group;
  std::string pids_group;
  std::string cpu_group;
  std::string kill_group;  // of version 2: everything in it can be ended at once

  // The memory is limited process by process (RLIMIT_DATA).
  [[nodiscard]] bool memory_by_process() const { return memory > 0 && memory_group.empty(); }
  // Each directory once.
  [[nodiscard]] std::vector<std::string> groups() const;
};

// What the kernel has counted in a run's groups.
struct GroupCounts {
  std::uint64_t memory_kills = 0;   // processes it ended for want of memory
  std::uint64_t memory_peak = 0;    // bytes; 0: it does not tell
  std::uint64_t pids_refused = 0;   // processes that could not be made
  std::uint64_t cpu_held_back = 0;  // periods in which it got no more processor
};

// Makes the groups and sets their limits. On error some may be there: remove_groups.
[[nodiscard]] Result<void> make_groups(const RunLimits& limits);
// Moves a process, 0 for this one, into them; what it begins from then on is in them, too.
[[nodiscard]] Result<void> enter_groups(const RunLimits& limits, pid_t process);
[[nodiscard]] GroupCounts count_groups(const RunLimits& limits);

// So that what is being ended need not wait for its share of the processors.
void lift_cpu_limit(const RunLimits& limits);
// KILL to everything in the group of version 2, where the kernel can (Linux 5.14). Proves nothing.
void kill_group(const std::string& group);
// Removes groups in which no process is left, waiting up to `patience_ms` for that; true when none
// is there any more.
bool remove_groups(const std::vector<std::string>& groups, int patience_ms);

}  // namespace charter::ipc
