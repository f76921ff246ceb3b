// How the error of a run begins that failed because of a limit.
#pragma once

namespace charter::ipc {

inline constexpr const char* kOutOfMemory = "out of memory: ";
inline constexpr const char* kTooManyProcesses = "too many processes: ";
inline constexpr const char* kOverTime = "time limit: ";

}  // namespace charter::ipc
