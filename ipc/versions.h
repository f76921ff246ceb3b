// The version of the product and of every format it writes or speaks.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace charter::ipc {

// Of the control requests on the hand-off socket.
inline constexpr std::uint32_t kControlVersion = 1;
// Of the supervisor's ledger as a whole, in its first record; the files have the logs' version.
inline constexpr std::uint32_t kLedgerVersion = 1;

// Whether what says of itself that it is of version `found` can be read by who knows `known`: all
// that came before, and nothing that comes after. There is no version 0.
[[nodiscard]] constexpr bool readable(std::uint32_t found, std::uint32_t known) {
  return found >= 1 && found <= known;
}

[[nodiscard]] std::string_view product_version();

struct FormatVersion {
  std::string_view name;  // also the key in the answer to `ping`
  std::uint32_t version;
};

[[nodiscard]] std::span<const FormatVersion> format_versions();

}  // namespace charter::ipc
