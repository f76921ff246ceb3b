#include "ipc/option_bytes.h"

#include <charconv>
#include <limits>

namespace charter::ipc {

std::optional<std::uint64_t> read_bytes(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc()) return std::nullopt;
  const std::string_view unit(parsed.ptr, text.data() + text.size());
  if (unit.empty()) return number;
  constexpr std::string_view kUnits = "KMGT";
  const std::size_t which = kUnits.find(unit.front());
  if (unit.size() > 1 || which == std::string_view::npos) return std::nullopt;
  const unsigned shift = 10 * (static_cast<unsigned>(which) + 1);
  if (number > std::numeric_limits<std::uint64_t>::max() >> shift) return std::nullopt;
  return number << shift;
}

}  // namespace charter::ipc
