// The control groups of runs, found as a person would find them.
#pragma once

#include <string>
#include <vector>

#include "tests/support/project_fixture.h"

namespace charter::tests {

// Directories of groups, in any hierarchy, that belong to a run (all runs: "") of the project.
[[nodiscard]] std::vector<std::string> groups_of(const ProjectFixture& project,
                                                 const std::string& run);
// Why no limit can be kept by groups here, as a daemon with all of them says; empty when all can.
[[nodiscard]] std::string why_no_groups();

}  // namespace charter::tests
