// Text as Python's str sees it: code points of UTF-8 (lone surrogates as their three bytes) and
// the character classes of Unicode 14.0, which Python 3.11 has.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace charter::worker {

// The code point at `at`, which moves behind it; a byte that begins none is U+FFFD and one byte.
[[nodiscard]] char32_t next_code_point(std::string_view text, std::size_t& at);
void append_utf8(std::string& out, char32_t point);
[[nodiscard]] inline bool is_surrogate(char32_t point) {
  return point >= 0xD800 && point <= 0xDFFF;
}

[[nodiscard]] bool is_printable(char32_t point);  // str.isprintable
[[nodiscard]] bool is_alnum(char32_t point);      // str.isalnum
[[nodiscard]] bool is_word(char32_t point);       // \w of re
[[nodiscard]] bool is_space(char32_t point);      // str.isspace, \s of re
[[nodiscard]] int decimal_digit(char32_t point);  // 0 to 9 of any script, or -1

// str.strip().
[[nodiscard]] std::string_view strip(std::string_view text);

// How bytes.decode() fails, in Python's words ("'utf-8' codec can't decode byte 0xff in position
// 3: invalid start byte"); empty when the bytes are UTF-8.
[[nodiscard]] std::string utf8_fault(std::string_view bytes);

}  // namespace charter::worker
