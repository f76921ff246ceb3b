// Where a text stops being JSON, in the words of the parser that the reference reads a capability's
// answers with: authors of integrations know them.
#pragma once

#include <string>
#include <string_view>

namespace charter::worker {

// "expected value at line 1 column 1"; empty when that parser would take the text.
[[nodiscard]] std::string json_fault_of(std::string_view text);

// Python's repr() of bytes: b'hello\n'.
[[nodiscard]] std::string bytes_repr(std::string_view bytes);

}  // namespace charter::worker
