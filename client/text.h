// Text as a terminal shows it: what others wrote must neither steer it nor break a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace charter::client {

// `text` with control characters (C0, DEL, C1) as \n, \t or \xNN and invalid UTF-8 as U+FFFD.
[[nodiscard]] std::string printable(std::string_view text);

// The same of text of several lines: line feeds and tabs stay.
[[nodiscard]] std::string printable_lines(std::string_view text);

// How many columns valid UTF-8 without control characters takes; East Asian wide characters and
// emoji count two, combining marks none.
[[nodiscard]] std::size_t columns_of(std::string_view text);

// At most `columns` columns of `text`, the last of them "…" when something was cut off.
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns);

// As one word of a shell's, in quotes where it needs them.
[[nodiscard]] std::string shell_word(std::string_view text);
// The same, always in quotes.
[[nodiscard]] std::string in_quotes(std::string_view text);

// 850 ms, 12.4 s, 3 min 20 s, 2 h 5 min.
[[nodiscard]] std::string duration_text(std::int64_t ms);

}  // namespace charter::client
