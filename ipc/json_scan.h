// A bounded reader of JSON text: checks the whole text (RFC 8259 grammar, UTF-8, nesting and size)
// and hands over spans of the text itself, so that numbers keep their digits and values can be
// passed on unread. Builds no tree.
#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"

namespace charter::ipc {

struct JsonLimits {
  std::size_t max_bytes = 64U << 20;
  std::size_t max_depth = 200;
  bool python_extras = false;  // NaN, Infinity, -Infinity and a leading BOM, as Python reads them
  // Of the object or array that is split: a member takes many times the bytes of a short one.
  std::size_t max_members = std::numeric_limits<std::size_t>::max();
};

// For objects of others, whose members have names that one knows: far above what any has.
inline constexpr std::size_t kMostMembers = 10'000;

enum class JsonKind { object, array, string, number, boolean, null };

struct JsonMember {
  std::string key;  // decoded
  JsonKind kind = JsonKind::null;
  std::string_view raw;  // the value's text, inside the scanned text
};

// The members of a top-level object in order, duplicates included. Errors say what is wrong and
// at which byte; they never quote the text.
[[nodiscard]] Result<std::vector<JsonMember>> scan_object(std::string_view text,
                                                          const JsonLimits& limits);
// The elements of an array, as spans.
[[nodiscard]] Result<std::vector<JsonMember>> scan_array(std::string_view text,
                                                         const JsonLimits& limits);
// Checks a text of any kind.
[[nodiscard]] Result<JsonKind> check_json(std::string_view text, const JsonLimits& limits);

// The last member of that name, as Python's json has it; null when there is none.
[[nodiscard]] const JsonMember* find(const std::vector<JsonMember>& members, std::string_view key);

// The decoded text of a JSON string span; nothing when it is not a string. A lone surrogate
// becomes U+FFFD.
[[nodiscard]] std::optional<std::string> json_string(std::string_view raw);

// `text` as a JSON string with quotes; UTF-8 stays, control characters are escaped, invalid UTF-8
// becomes U+FFFD. Name the namespace: for a std::string an unqualified call may find std::quoted.
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace charter::ipc
