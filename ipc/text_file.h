// Small files as text: state files, and what the kernel tells in files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ipc/error.h"

namespace charter::ipc {

// Empty when there is none, or it cannot be read, or has more than `limit` bytes.
[[nodiscard]] std::string text_of_file(const std::string& path, std::size_t limit);

// Empty when there is none; an error when it cannot be read or has more than `limit` bytes.
[[nodiscard]] Result<std::string> text_if_there(const std::string& path, std::size_t limit);

// Whoever reads the name finds the old text or the new one; mode 0600. With `synced` the text is on
// disk before it has the name. What lies in the way of the unfinished file, `path`.new, is removed,
// whatever it is. An error names the file.
[[nodiscard]] Result<void> replace_text_file(const std::string& path, std::string_view text,
                                             bool synced);

}  // namespace charter::ipc
