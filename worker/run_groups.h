// The run's control groups as its engine knows them: entered before anything is begun, and asked
// what the kernel did when something has failed.
#pragma once

#include <sys/types.h>

#include <string>

#include "ipc/error.h"
#include "ipc/run_limits.h"

namespace charter::worker {

class RunGroups {
 public:
  explicit RunGroups(ipc::RunLimits limits) : limits_(std::move(limits)) {}

  // Makes the groups and moves this process and, unless it is 0, `also` into them; from then on
  // what spawn() begins has the limits, too, and is ended before the engine when memory runs out.
  // On error the run may not go on.
  ipc::Result<void> enter(pid_t also);

  // What is counted from here on is laid to what happens next.
  void mark();
  // `error`, behind what the kernel has done to processes since the mark, if it has done anything.
  // `whose`: "step 'build'".
  [[nodiscard]] std::string explained(const std::string& error, const std::string& whose) const;

 private:
  [[nodiscard]] bool counts() const;

  ipc::RunLimits limits_;
  ipc::GroupCounts before_;
};

// ", limit 512 MiB, peak 511 MiB"; without the peak when it is 0.
[[nodiscard]] std::string memory_text(std::uint64_t limit, std::uint64_t peak);

}  // namespace charter::worker
