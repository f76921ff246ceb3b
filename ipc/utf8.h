// UTF-8 as RFC 3629 has it: no surrogates, nothing overlong, nothing above U+10FFFF.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace charter::ipc {

// The sequence at the front of a text. Of an invalid one `length` counts the bytes that one
// U+FFFD replaces, which is how Python and the Unicode standard count them.
struct Utf8Sequence {
  bool valid = false;
  std::size_t length = 1;
};

// `text` is not empty.
[[nodiscard]] Utf8Sequence utf8_sequence(std::string_view text);

// How many bytes at the end of a text are the beginning of a character, the rest of which may come.
[[nodiscard]] std::size_t begun_utf8(std::string_view text);

void append_utf8(std::string& out, char32_t character);

inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD

}  // namespace charter::ipc
