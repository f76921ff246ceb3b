// From what a step printed or returned to the outputs it declares.
#pragma once

#include <string>

#include "ipc/error.h"
#include "worker/json/value.h"
#include "worker/plan/workflow.h"
#include "worker/stores/artifact_store.h"

namespace charter::worker {

// `output` and `errors` are what the process wrote, as UTF-8. Errors are the step's.
[[nodiscard]] ipc::Result<Object> map_shell_outputs(const Step& step, const std::string& output,
                                                    const std::string& errors, int exit_code);

// From what an integration returned; errors are the step's.
[[nodiscard]] ipc::Result<Object> map_integration_outputs(const Step& step, Value value);

// Checks each declared output's type, stores artifacts, and brings them into declared order: what
// the run keeps.
[[nodiscard]] ipc::Result<Object> check_outputs(const Step& step, const Object& outputs,
                                                const ArtifactStore& store);

// Without the carriage returns and line feeds at the end.
[[nodiscard]] std::string trim_lines(const std::string& text);

// Bytes as text: what is no UTF-8 becomes U+FFFD.
[[nodiscard]] std::string decode_lossy(std::string bytes);

}  // namespace charter::worker
