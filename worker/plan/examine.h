// Mode `examine`: whether a project can be read at all, for `doctor`.
#pragma once

#include <string>

namespace charter::worker {

// Writes one line to descriptor 1: "workflows N" for a project whose charter.yml is sound and that
// has N workflows; "broken N FOLDER: why", where the manifest of one of them is not; or
// "project why", where nothing can be started. Plans are not read. `root`: of the project. The
// exit code.
[[nodiscard]] int examine_main(const std::string& root);

}  // namespace charter::worker
