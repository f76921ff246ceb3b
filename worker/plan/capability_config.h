// The `capabilities` of a charter.yml.
#pragma once

#include <string>

#include "worker/plan/config.h"
#include "worker/plan/project.h"

namespace charter::worker {

[[nodiscard]] Fault parse_capabilities(const Value& raw, const std::string& source,
                                       Project& project);

// The secrets a `with` names, by JSON pointer. `source` is the file that errors name, which for a
// binding is the plan.
[[nodiscard]] Fault find_config_secrets(const Object& with, const std::string& source,
                                        const std::string& capability, TextPairs& found);

}  // namespace charter::worker
