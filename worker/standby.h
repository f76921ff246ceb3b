// Mode `standby`: a guardian and its engine before there is a run for them, so that the run finds
// an interpreter which has imported what Python integrations are made of. It is a process of the
// engine's from the beginning, and so in the tree of the run that it will belong to.
//
// The supervisor hands the run over on descriptor 5: a message with the two descriptors that
// mode `run` finds open. From there on it is mode `run`. When the other end is closed instead,
// everything leaves.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "ipc/job.h"
#include "ipc/unique_fd.h"
#include "worker/plan/runtime.h"

namespace charter::worker {

inline constexpr int kStandbyFd = ipc::kJobFd + 1;

// Waits for journal and job and puts them where mode `run` has them; false when none will come.
[[nodiscard]] bool receive_run(int socket);
// Passes on what was received.
[[nodiscard]] bool pass_run(int socket);

// An interpreter that waits for a run. Whoever takes its descriptors has it.
struct WarmPython {
  pid_t pid = 0;
  ipc::UniqueFd process;   // pidfd
  ipc::UniqueFd requests;  // its input, for writing
  ipc::UniqueFd answers;   // its output, for reading
  PythonRuntime runtime;
  std::vector<ipc::FileIdentity> packages;  // where it imported from, as it was then

  // Of the project here; nothing where it has no environment, or one that cannot be started.
  [[nodiscard]] static std::unique_ptr<WarmPython> start();
  // Whether it is what would be started now.
  [[nodiscard]] bool fits(const PythonRuntime& wanted) const;
};

// The environment of an interpreter that is of no run.
[[nodiscard]] std::vector<std::string> bare_environment(const std::string& interpreter);

}  // namespace charter::worker
