// libyaml's complaints in the words of PyYAML, which is what people and the reference's clients
// read them in.
#pragma once

#include <string>
#include <string_view>

#include "worker/yaml/error.h"

namespace charter::worker {

struct YamlComplaint {
  std::string context;  // empty: none
  YamlMark context_mark;
  std::string problem;
  YamlMark mark;
};

// Takes what libyaml said about `text`. What PyYAML has no words for stays as it is.
[[nodiscard]] YamlComplaint in_pyyaml_words(YamlComplaint said, std::string_view text);

// The code point that byte `offset` belongs to, counted from 0.
[[nodiscard]] std::size_t position_of(std::string_view text, std::size_t offset);

}  // namespace charter::worker
