// The version of the product and of every format it writes or speaks.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace charter::ipc {

// Of the control requests on the hand-off socket.
inline constexpr std::uint32_t kControlVersion = 1;

[[nodiscard]] std::string_view product_version();

struct FormatVersion {
  std::string_view name;  // also the key in the answer to `ping`
  std::uint32_t version;
};

[[nodiscard]] std::span<const FormatVersion> format_versions();

}  // namespace charter::ipc
