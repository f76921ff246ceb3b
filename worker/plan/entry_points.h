// What installed packages offer by name: the entry points of their metadata.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/plan/files.h"

namespace charter::worker {

inline constexpr std::string_view kIntegrationGroup = "charter.integrations";

// Whether a package in one of the directories offers this name in this group.
[[nodiscard]] bool offers_entry_point(Files& files, const std::vector<std::string>& directories,
                                      std::string_view group, std::string_view name);

}  // namespace charter::worker
