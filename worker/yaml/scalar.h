// What a plain scalar is by YAML 1.1 as PyYAML resolves it, and what value a tagged one has.
#pragma once

#include <boost/system/result.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "worker/json/value.h"

namespace charter::worker {

// The tag of an unquoted scalar without a tag: bool, float, int, merge, null, timestamp, value or
// str.
[[nodiscard]] std::string_view resolve_plain(std::string_view text);

// The bare text of the exception Python would raise.
struct ScalarFault {
  std::string text;
};
using ScalarResult = boost::system::result<Value, ScalarFault>;

[[nodiscard]] ScalarResult yaml_bool(std::string_view text);
[[nodiscard]] ScalarResult yaml_int(std::string_view text);
[[nodiscard]] ScalarResult yaml_float(std::string_view text);
[[nodiscard]] ScalarResult yaml_timestamp(std::string_view text);
[[nodiscard]] ScalarResult yaml_binary(std::string_view text);

// int(text, base) for base 2, 8, 10 or 16: the canonical digits.
[[nodiscard]] boost::system::result<Integer, ScalarFault> python_int(std::string_view text,
                                                                     unsigned base);
// float(text), or nothing.
[[nodiscard]] std::optional<double> python_float(std::string_view text);

}  // namespace charter::worker
