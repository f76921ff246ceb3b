// The interpreters a project's Python runs with: its own, made by `charter install`, which has the
// project's packages, and the Charter toolchain's, whose packages (the integration SDK, pydantic)
// come behind the project's.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "worker/plan/files.h"

namespace charter::worker {

// Names the toolchain's interpreter, in the environment of workers; see --toolchain-python.
inline constexpr std::string_view kToolchainVariable = "CHARTER_DAEMON_TOOLCHAIN_PYTHON";

struct PythonRuntime {
  std::string interpreter;             // <root>/.charter/.venv/bin/python
  std::vector<std::string> project;    // directories of the project's packages
  std::vector<std::string> toolchain;  // directories of packages; none when there is no toolchain
};

// Whether any of the capabilities, as a hand-off carries them, is Python or has secrets whose
// backends are.
[[nodiscard]] bool needs_python(const Object& capabilities);

// Errors are what a person has to install or to recreate. Reads files only, runs nothing. The
// toolchain is that of the environment: the one that is named there, else that of the `charter`
// command on PATH. It may be missing, for a project whose own packages are enough.
[[nodiscard]] ipc::Result<PythonRuntime> find_python_runtime(Files& files, const std::string& root);

}  // namespace charter::worker
