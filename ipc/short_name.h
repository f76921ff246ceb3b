// A short name for a path, where the path would be too long or hold what a name may not.
#pragma once

#include <string>
#include <string_view>

namespace charter::ipc {

// 16 hexadecimal digits (FNV-1a).
[[nodiscard]] std::string hash_of(std::string_view text);

}  // namespace charter::ipc
