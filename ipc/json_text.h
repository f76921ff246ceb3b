// The insides of JSON strings. Included by this room's sources only; json_scan.h is what others
// read JSON with.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace charter::ipc {

// How many bytes at the front of a string's body are ASCII without quote, backslash and control
// characters.
[[nodiscard]] std::size_t plain_length(std::string_view text);

// -1 when it is none.
[[nodiscard]] int hex_digit(char c);

// The text of a string that has been checked, quotes included.
[[nodiscard]] std::string decoded_string(std::string_view raw);

}  // namespace charter::ipc
