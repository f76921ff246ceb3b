// The `secrets` of a charter.yml, and secrets named inside configurations. Only names: no secret
// is read here.
#pragma once

#include <optional>
#include <string>

#include "worker/plan/config.h"
#include "worker/plan/project.h"

namespace charter::worker {

// Sources and bindings; bindings become `env://NAME` or `registry://alias/key`.
[[nodiscard]] Fault parse_secrets(const Value& raw, const std::string& source, Project& project);

// The logical secret of a value {from_secret: logical/id}; nothing for any other value.
[[nodiscard]] Fault parse_secret_name(const Value& raw, const std::string& source,
                                      const std::string& capability, const std::string& context,
                                      std::optional<std::string>& name);

}  // namespace charter::worker
