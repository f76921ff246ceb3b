// Finding a workflow by its id.
#pragma once

#include <string>

#include "worker/plan/config.h"
#include "worker/plan/files.h"
#include "worker/plan/manifest.h"

namespace charter::worker {

// `root` is the resolved project root. workflows/<id>/plan.yml first, whose own manifest must then
// be right; then every direct subfolder of workflows/ by its manifest's id alone. Two of one id
// are a fault.
[[nodiscard]] Fault find_workflow(Files& files, const std::string& root, const std::string& id,
                                  Manifest& found);

}  // namespace charter::worker
