// The packages a project requires, from its pyproject.toml.
#pragma once

#include <string>
#include <vector>

#include "worker/plan/config.h"
#include "worker/plan/files.h"

namespace charter::worker {

// `[project].dependencies` of `root`/pyproject.toml, if there is such a file.
[[nodiscard]] Fault load_requirements(Files& files, const std::string& root,
                                      std::vector<std::string>& requirements);

// Whether `charter install` has provided them: its record names each as it is written now, and the
// project's interpreter is there. The text is for people.
[[nodiscard]] Fault check_installed(Files& files, const std::string& root,
                                    const std::string& plan_path,
                                    const std::vector<std::string>& requirements);

}  // namespace charter::worker
