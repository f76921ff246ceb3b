// Letters as protocols compare them, whatever the locale.
#pragma once

#include <string>
#include <string_view>

namespace charter::ipc {

// With A to Z made small, and every other byte as it was.
[[nodiscard]] std::string ascii_lower(std::string_view text);

}  // namespace charter::ipc
