// Merge keys (`<<`).
#pragma once

#include <cstddef>
#include <optional>

#include "worker/yaml/node.h"

namespace charter::worker {

// What all merging of one document together may still cost.
struct MergeBudget {
  std::size_t pairs = 0;  // pairs that may still be copied
  std::size_t depth = 0;  // merges inside merges
};

// Puts in front of a mapping's own pairs those its merge keys name, and turns a key `=` into text.
[[nodiscard]] std::optional<YamlError> merge_pairs(YamlNode& mapping, const YamlSource& source,
                                                   MergeBudget& budget);

}  // namespace charter::worker
