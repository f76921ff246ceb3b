// An ordinary user beside root, for what only one of the two may do. Only root can become it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/project_fixture.h"

namespace charter::tests {

inline constexpr uid_t kSomebody = 65534;

// The command as that user.
[[nodiscard]] std::vector<std::string> as_somebody(std::vector<std::string> command);
[[nodiscard]] Finished run_as_somebody(const ProjectFixture& project,
                                       std::vector<std::string> command);
// Lets the project, and the directory it is in, be that user's. Throws when it cannot.
void give_to_somebody(const ProjectFixture& project);
// The daemon under test, where that user can execute it: the build's directory may be closed.
[[nodiscard]] std::string daemon_for_somebody(const ProjectFixture& project);

}  // namespace charter::tests
