#include <charconv>

#include "ipc/option_table.h"

namespace charter::ipc {
namespace {

// Of any unit; so many days in microseconds fit into 64 bits.
constexpr std::int64_t kMost = 100'000'000;

}  // namespace

std::optional<std::chrono::seconds> read_time(std::string_view text) {
  std::int64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || number < 0 || number > kMost) return std::nullopt;
  const std::string_view unit(parsed.ptr, text.data() + text.size());
  if (unit == "s" || (unit.empty() && number == 0)) return std::chrono::seconds(number);
  if (unit == "m") return std::chrono::minutes(number);
  if (unit == "h") return std::chrono::hours(number);
  if (unit == "d") return std::chrono::days(number);
  return std::nullopt;
}

}  // namespace charter::ipc
