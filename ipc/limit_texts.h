// How the error of a run begins that failed because of a limit.
#pragma once

#include <string_view>

namespace charter::ipc {

inline constexpr const char* kOutOfMemory = "out of memory: ";
inline constexpr const char* kTooManyProcesses = "too many processes: ";
inline constexpr const char* kOverTime = "time limit: ";

// Whether processes were refused, which is told behind a lack of memory where both were.
constexpr bool tells_of_too_many_processes(std::string_view error) {
  const std::string_view memory = kOutOfMemory;
  if (error.starts_with(memory)) {
    error.remove_prefix(memory.size());
    const std::size_t end = error.find(": ");  // of what the kernel ended, which has none
    if (end == std::string_view::npos) return false;
    error.remove_prefix(end + 2);
  }
  return error.starts_with(kTooManyProcesses);
}

}  // namespace charter::ipc
