// How a text may look where somebody has written it into another one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace charter::worker {

// The text as it is, and between the quotes of JSON, with and without what is beyond ASCII, and of
// Python's repr(), whose quotes depend on what stands beside it. Each once.
[[nodiscard]] std::vector<std::string> spellings(const std::string& text);

}  // namespace charter::worker
