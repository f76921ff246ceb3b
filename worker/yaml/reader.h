// One YAML document as PyYAML's safe loader reads it: YAML 1.1 through libyaml's events, with
// merge keys, the last of duplicate keys, dates and other values no JSON has as `Foreign`.
// What is stricter here: aliases that contain themselves, and the limits.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <string_view>

#include "worker/json/value.h"
#include "worker/yaml/error.h"

namespace charter::worker {

struct YamlLimits {
  std::size_t max_bytes = 16U << 20;
  std::size_t max_depth = 200;
  std::size_t max_values = 1'000'000;  // scalars, lists and maps after aliases are expanded
  std::size_t max_text = 64U << 20;    // bytes of scalars after aliases are expanded
};

// `source` names the text in errors. With `excerpt` they quote the line, as for text in memory.
[[nodiscard]] boost::system::result<Value, YamlError> read_yaml(
    std::string_view text, std::string_view source = "<unicode string>", bool excerpt = true,
    const YamlLimits& limits = {});

}  // namespace charter::worker
