// Why a YAML text could not be read.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace charter::worker {

struct YamlError {
  // `document`: the text is not a document the loader takes. `value`: it is, but a scalar in it
  // has no value (month 13), which the reference reports by another way and with its bare text.
  enum class Kind { document, value };
  Kind kind = Kind::document;
  std::string text;
};

// A place in the text, counted from 0.
struct YamlMark {
  std::size_t index = 0;  // in code points
  std::size_t line = 0;
  std::size_t column = 0;
};

// What errors name as their source, and the text itself where they may quote the line.
struct YamlSource {
  std::string_view name;
  std::string_view text;  // empty: no excerpt
};

// "problem" with its place, below the "context" it was found in, if any.
[[nodiscard]] YamlError yaml_error(const YamlSource& source, std::string_view context,
                                   const YamlMark* context_mark, std::string_view problem,
                                   const YamlMark& mark);

}  // namespace charter::worker
