// Mode `standby`: a guardian and its engine before there is a run for them, whose interpreter has
// imported what Python integrations are made of. All three are forks of an interpreter that has
// (nursery.h), and one another's children from the beginning: the interpreter is in the tree of
// the run that it will belong to.
//
// The supervisor hands the run over on descriptor 5: a message with the two descriptors that
// mode `run` finds open. From there on it is mode `run`. When the other end is closed instead,
// everything leaves.
#pragma once

#include <sys/types.h>

#include <memory>
#include <string>

#include "ipc/job.h"
#include "ipc/unique_fd.h"
#include "worker/plan/runtime.h"

namespace charter::worker {

// What a standing worker's processes begin with, beside standard input, output and error.
inline constexpr int kStandbyFd = ipc::kJobFd + 1;        // where the run comes from
inline constexpr int kEngineFd = kStandbyFd + 1;          // the guardian's: where it goes to
inline constexpr int kInterpreterInFd = kStandbyFd + 1;   // the engine's: the interpreter's input
inline constexpr int kInterpreterOutFd = kStandbyFd + 2;  // and output

// Waits for journal and job and puts them where mode `run` has them; false when none will come.
[[nodiscard]] bool receive_run(int socket);
// Passes on what was received.
[[nodiscard]] bool pass_run(int socket);

// What an interpreter of this runtime would be started with, and the packages it would import, as
// they are now: a text that is another one when something of that has changed.
[[nodiscard]] std::string origin_of(const PythonRuntime& runtime);
// The same for the project here; empty where no interpreter could be started.
[[nodiscard]] std::string origin_here();

// An interpreter that waits for a run, a child of this process. Whoever takes its descriptors has
// it.
struct WarmPython {
  pid_t pid = 0;
  ipc::UniqueFd process;   // pidfd
  ipc::UniqueFd requests;  // its input, for writing
  ipc::UniqueFd answers;   // its output, for reading
  std::string origin;

  // The one this process was started with; nothing when it is gone.
  [[nodiscard]] static std::unique_ptr<WarmPython> inherited(pid_t pid, std::string origin);
  // Whether it is what would be started now.
  [[nodiscard]] bool fits(const PythonRuntime& wanted) const { return origin_of(wanted) == origin; }
};

}  // namespace charter::worker
