// Finds out, once at the daemon's start, by what means each limit of a run can be kept here, and
// names the control groups of each run. The order, limit by limit: a group of version 2 below the
// daemon's own, where that was delegated to it; one of version 1, where that is what the host has;
// for memory a limit of each process; else the limit is not in force, and says why.
//
// Groups are named after the daemon's data, the run and its burst, so that two daemons never meet.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "ipc/layout.h"
#include "ipc/run_limits.h"

namespace charter::supervisor {

// The control groups this process is in, as directories.
struct GroupTree {
  std::string unified;                       // of version 2; empty: there is none
  std::map<std::string, std::string> first;  // of version 1, by controller
};
// From the texts of /proc/self/mountinfo and /proc/self/cgroup.
[[nodiscard]] GroupTree read_group_tree(std::string_view mounts, std::string_view groups);
[[nodiscard]] GroupTree own_group_tree();

// One limit, and what becomes of it.
struct LimitState {
  std::uint64_t value = 0;  // 0: not asked for
  std::string base;         // directory of groups; empty: no group keeps it
  std::string means;        // "cgroup v2", "cgroup v1", "rlimit"; empty: not in force
  std::string note;         // why it is not in force, or what is weak about the means
};

class RunLimits {
 public:
  struct Wanted {
    std::uint64_t memory = 0;
    std::uint64_t pids = 0;
    std::uint64_t cpu = 0;
  };
  // Tries whether a group with these limits can be made; it makes and removes one.
  using Attempt = std::function<ipc::Result<void>(const ipc::RunLimits&)>;
  [[nodiscard]] static ipc::Result<void> attempt(const ipc::RunLimits& limits);

  // May move this process into a group of its own below its group, which is how version 2 wants it.
  // `tree` is looked at only when a limit is wanted.
  RunLimits(const ipc::Layout& layout, const Wanted& wanted,
            const std::function<GroupTree()>& tree = own_group_tree,
            const Attempt& attempt = RunLimits::attempt);

  // For bursts to come, kept by the means that were found at the start. Returns the names (memory,
  // pids, cpu) of those for which none was looked for then: they stay without a limit.
  [[nodiscard]] std::vector<std::string> change(const Wanted& wanted);

  // Those of a burst, with the names of its groups.
  [[nodiscard]] ipc::RunLimits of(std::string_view run, std::uint32_t burst) const;
  // Whether runs get groups at all.
  [[nodiscard]] bool has_groups() const { return !bases().empty(); }
  // Ends what is left in groups of runs that have no worker, here or where an earlier daemon of
  // this project made them, and removes them, waiting up to `patience_ms` for each to be empty.
  // Returns the directories of those that are still there. Looks at the disk.
  [[nodiscard]] std::vector<std::string> sweep(int patience_ms) const;

  // How many executing runs their limit of processors has held back. Looks at their groups.
  [[nodiscard]] std::size_t held_back() const;

  [[nodiscard]] const LimitState& memory() const { return memory_; }
  [[nodiscard]] const LimitState& pids() const { return pids_; }
  [[nodiscard]] const LimitState& cpu() const { return cpu_; }
  // A line for each limit that is asked for and not, or only weakly, in force.
  [[nodiscard]] std::vector<std::string> warnings() const;
  // Members for `status`: memory, pids and cpu, null where there is no limit.
  struct Others {                       // what is kept by other means than these
    std::int64_t run_time_max_ms = 0;   // 0: none
    std::uint64_t step_output_max = 0;  // bytes
    std::uint64_t run_log_max = 0;      // bytes; 0: no log is kept
  };
  [[nodiscard]] std::string json(const Others& others) const;

 private:
  [[nodiscard]] std::vector<std::string> bases() const;
  void sweep_below(const std::string& base, int patience_ms, std::vector<std::string>& left) const;
  [[nodiscard]] bool has_worker(const std::string& group) const;

  const ipc::Layout& layout_;
  std::string prefix_;
  LimitState memory_;
  LimitState pids_;
  LimitState cpu_;
  std::string kill_base_;  // where a limit is kept by version 2
};

}  // namespace charter::supervisor
