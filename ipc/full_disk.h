// What a failed write says about the disk.
#pragma once

#include <cerrno>

#include "ipc/error.h"

namespace charter::ipc {

// No space, or none of the user's quota: it may pass, and nothing is wrong with the disk.
[[nodiscard]] inline bool is_full_disk(const Error& error) {
  return error.code == std::errc::no_space_on_device || error.code.value() == EDQUOT;
}

}  // namespace charter::ipc
