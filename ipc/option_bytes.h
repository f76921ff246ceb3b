// Sizes as options give them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace charter::ipc {

// "1048576", "512M" or "2G": a number, with K, M, G or T for its powers of 1024; nothing for any
// other text.
// What is said of a value that is none.
inline constexpr std::string_view kBytesRule =
    "must be a number of bytes, with K, M, G or T, as in 512M";

[[nodiscard]] std::optional<std::uint64_t> read_bytes(std::string_view text);

}  // namespace charter::ipc
