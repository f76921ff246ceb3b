// The environment of a run's steps: the daemon's own without what configures it, the project's
// virtual environment first on PATH, the run's marks, and the step's inputs over it.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ipc/error.h"
#include "ipc/layout.h"
#include "worker/steps/inputs.h"

namespace charter::worker {

// Which run, and which attempt ("<run>:<step>:<attempt>"), a process belongs to, wherever it went.
inline constexpr std::string_view kRunMark = "CHARTER_RUN_ID";
inline constexpr std::string_view kJournalMark = "CHARTER_RUN_JOURNAL";
inline constexpr std::string_view kStepMark = "CHARTER_STEP_MARK";

class Environment {
 public:
  Environment(const ipc::Layout& layout, const std::string& run_id);

  // As NAME=value. The errors are the reference's: a name or a value no environment can hold.
  [[nodiscard]] ipc::Result<std::vector<std::string>> for_step(
      const std::string& mark, const std::vector<ResolvedInput>& inputs) const;

  // The same for a capability's process; `variables` go over it in their order.
  [[nodiscard]] ipc::Result<std::vector<std::string>> for_capability(
      const std::string& mark,
      const std::vector<std::pair<std::string, std::string>>& variables) const;

 private:
  std::vector<std::string> base_;
};

// The value of a variable in an environment.
[[nodiscard]] std::optional<std::string_view> variable(const std::vector<std::string>& environment,
                                                       std::string_view name);

// Where a program is looked for: itself when it has a slash, else along the environment's PATH.
[[nodiscard]] std::vector<std::string> candidates_of(const std::string& program,
                                                     const std::vector<std::string>& environment);

// The step mark a process was started with; empty when it has none or cannot be asked.
[[nodiscard]] std::string step_mark_of(pid_t pid);

}  // namespace charter::worker
