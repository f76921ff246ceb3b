// Keys that are not text. JSON has none, but a YAML mapping may be keyed by a number, a boolean,
// null or a date; an Object stores such a key as a text that no valid UTF-8 can be (its first byte
// is 0xff), so that the rest of the program deals with text keys only.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "worker/json/value.h"

namespace charter::worker {

// What a scalar is stored as; a text is itself. `scalar` is hashable: no array, no object.
[[nodiscard]] std::string encode_key(const Value& scalar);
// The scalar again.
[[nodiscard]] Value decode_key(std::string_view key);
[[nodiscard]] bool is_text_key(std::string_view key);

// A key in a message, as an f-string shows it: str(key).
[[nodiscard]] std::string key_text(std::string_view key);
// A key as json.dumps writes it, without quotes: 1, true, null; nothing when it refuses it.
[[nodiscard]] std::optional<std::string> json_key(std::string_view key);

// Sets `object[key]` where keys that Python counts as equal (1, 1.0, True) are one; the first
// keeps its form and place, the last its value.
void set_scalar_key(Object& object, const Value& key, Value value);

// The keys as sorted() orders them. Keys of kinds that cannot be compared are an error, with
// Python's text for the first pair it would compare.
struct SortedKeys {
  std::vector<std::string_view> keys;
  std::optional<std::string> fault;
};
[[nodiscard]] SortedKeys sorted_keys(const Object& object);

}  // namespace charter::worker
