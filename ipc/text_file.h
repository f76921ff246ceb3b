// Small files as text: state files, and what the kernel tells in files.
#pragma once

#include <cstddef>
#include <string>

#include "ipc/error.h"

namespace charter::ipc {

// Empty when there is none, or it cannot be read, or has more than `limit` bytes.
[[nodiscard]] std::string text_of_file(const std::string& path, std::size_t limit);

// Empty when there is none; an error when it cannot be read or has more than `limit` bytes.
[[nodiscard]] Result<std::string> text_if_there(const std::string& path, std::size_t limit);

}  // namespace charter::ipc
