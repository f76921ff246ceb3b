// Small questions Python asks of a value, for messages and checks that must come out as there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/json/value.h"

namespace charter::worker {

// str(value), as an f-string shows it: text as it is, everything else by its repr.
[[nodiscard]] std::string str(const Value& value);
// bool(value).
[[nodiscard]] bool truthy(const Value& value);
// "'int' object is not iterable" and the like: the type's name and what it has not.
[[nodiscard]] std::string type_fault(const Value& value, std::string_view complaint);
// Whether the value can be a dictionary's key or a set's member: all but list, dict and set.
[[nodiscard]] bool is_hashable(const Value& value);

[[nodiscard]] std::string repr(std::string_view text);
// What stands between such quotes in a text's repr.
[[nodiscard]] std::string repr_body(std::string_view text, char quote);
// ['a', 'b'].
[[nodiscard]] std::string repr(const std::vector<std::string>& texts);

// The member, or null where the object has none: dict.get.
[[nodiscard]] const Value& get(const Object& object, std::string_view key);
// A text that is not empty.
[[nodiscard]] bool is_filled_text(const Value& value);
// A text that strip() leaves something of.
[[nodiscard]] bool is_visible_text(const Value& value);

}  // namespace charter::worker
