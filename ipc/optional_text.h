// Texts that are absent where they would be empty.
#pragma once

#include <optional>
#include <string>
#include <utility>

namespace charter::ipc {

[[nodiscard]] inline std::optional<std::string> unless_empty(std::string text) {
  if (text.empty()) return std::nullopt;
  return std::optional<std::string>(std::move(text));
}

}  // namespace charter::ipc
