// What keeps a run's own processes, its steps and integrations, in the project.
//
// | level | what                                                                                  |
// |-------|---------------------------------------------------------------------------------------|
// | 0     | nothing                                                                               |
// | 1     | Landlock: writing in the project and the run's temporary directory only; no new       |
// |       | privileges; a filter of system calls                                                  |
// | 2     | that, and a mount namespace: all else is read-only, /tmp is the run's own, and the | |
// | daemon's data, its sockets and other runs' files are not there                        |
#pragma once

#include <string>
#include <vector>

#include "ipc/error.h"

namespace charter::ipc {

inline constexpr unsigned kSandboxFiles = 1;
inline constexpr unsigned kSandboxView = 2;

struct Sandbox {
  unsigned level = 0;
  std::vector<std::string> hidden;  // absolute paths that are not there at level 2
};

// What a host can give, as worker mode `sandbox` found out by trying.
struct SandboxAbility {
  struct Missing {
    unsigned level = 0;  // that it is missing from
    std::string what;
  };
  unsigned level = 0;  // the highest that can be had
  int landlock = 0;    // version, 0 for none
  std::vector<Missing> missing;

  // Why level 1 cannot be had; empty when it can.
  [[nodiscard]] std::string refusal() const;
};

// One line each: "level 2", "landlock 7", "missing 1 TEXT".
[[nodiscard]] std::string to_text(const SandboxAbility& ability);
[[nodiscard]] Result<SandboxAbility> read_ability(std::string_view text);

}  // namespace charter::ipc
