// The one place where a run's processes begin: from here on they are in their own session, with a
// clean world, and nothing of the worker is left to them.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ipc/unique_fd.h"

namespace charter::worker {

struct SpawnRequest {
  std::vector<std::string> candidates;   // paths, tried in order as execvp does
  std::vector<std::string> arguments;    // with argv[0]
  std::vector<std::string> environment;  // NAME=value
  int input = -1;                        // becomes descriptor 0; at least 3, or -1: the caller's
  int output = -1;                       // becomes descriptor 1; at least 3
  int errors = -1;                       // becomes descriptor 2; at least 3, or 2 itself
};

// What failed, with its errno.
struct SpawnFailure {
  enum class Stage { fork, session, descriptors, sandbox, exec };
  Stage stage = Stage::fork;
  int code = 0;
};

// The pid of the child: it leads a session of its own, its directory is the caller's. Returns when
// it has become the program or has failed to. Where the children of this process are confined
// (sandbox/confinement.h), it is in the sandbox before it becomes the program.
//
// The caller must have one thread and no signal handlers: until the exec the child runs in the
// caller's memory (no page tables are copied, which is most of what a fork costs), and reports
// its failure there.
[[nodiscard]] std::variant<pid_t, SpawnFailure> spawn(const SpawnRequest& request);

// What each process has that spawn() begins from now on, and at once `also`, unless that is 0. To
// be called before the caller itself is confined.
struct StepLimits {
  int oom_score = 0;             // above the engine's; 0: the same
  std::uint64_t data_bytes = 0;  // of memory it may write to itself (RLIMIT_DATA); 0: no limit
};
void limit_steps(const StepLimits& limits, pid_t also);

// "[Errno 2] No such file or directory: 'nosuch'", in which `program` is what was asked for.
[[nodiscard]] std::string describe(const SpawnFailure& failure, std::string_view program);

// As execve(2) wants them: null at the end; valid as long as `texts` is.
[[nodiscard]] std::vector<char*> pointers_to(const std::vector<std::string>& texts);

// Close-on-exec at both ends; false with errno.
[[nodiscard]] bool make_pipe(ipc::UniqueFd& reading, ipc::UniqueFd& writing);

}  // namespace charter::worker
