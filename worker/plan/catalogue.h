// Which workflows a project has, for whoever wants to start one.
#pragma once

#include <string>

#include "worker/plan/failure.h"
#include "worker/plan/files.h"

namespace charter::worker {

// A JSON array, by folder: {"id","name","description","inputs":[{"name","type","description",
// "required","default"?}]}, or {"folder","error"} where the manifest is wrong. `root` is the
// resolved project root. Plans are not read.
[[nodiscard]] Outcome<std::string> describe_workflows(Files& files, const std::string& root);

}  // namespace charter::worker
