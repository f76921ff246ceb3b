// Paths as pathlib has them; no more than preparation needs.
#pragma once

#include <string>
#include <string_view>

#include "worker/plan/failure.h"

namespace charter::worker {

// Path(path).resolve(): absolute, links followed as far as they lead, "." and ".." gone. A
// relative path is below `base`. Fails for a NUL and for links in a circle.
struct ResolvedPath {
  std::string path;
};
[[nodiscard]] Outcome<ResolvedPath> resolve(std::string_view path, std::string_view base);

// Path(left) / right: an absolute `right` replaces it.
[[nodiscard]] std::string join(std::string_view left, std::string_view right);
// Without the last part; of "/" itself.
[[nodiscard]] std::string parent(std::string_view path);
// The last part.
[[nodiscard]] std::string base_name(std::string_view path);
// Whether `path` is `root` or below it; both resolved.
[[nodiscard]] bool is_inside(std::string_view path, std::string_view root);

}  // namespace charter::worker
