// Points in time as the wire has them, for people and for comparing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace charter::client {

// The wall clock, in milliseconds since 1970.
[[nodiscard]] std::int64_t wall_ms();

// 2026-01-02, 2026-01-02T03:04:05, with a fraction, with Z or +00:00, in those milliseconds;
// nothing for any other text.
[[nodiscard]] std::optional<std::int64_t> read_wire_time(std::string_view text);

// "just now", "40 s ago", "3 min ago", "5 h ago", "12 d ago"; the day when it is longer ago than
// thirty of them, the time in full when it lies ahead of `now_ms`, anything that is no time as it
// is.
[[nodiscard]] std::string ago(std::string_view wire_time, std::int64_t now_ms);

}  // namespace charter::client
