// Why a process does not go on, for the message of a test that has waited for it long enough.
#pragma once

#include <sys/types.h>

#include <string>

namespace charter::tests {

// Of the process, everything below it and each of their threads: state, where in the kernel it
// waits and the call it is in; behind that the process's own stacks, where gdb is installed and may
// look. As text for people; a process that has gone meanwhile is left out.
[[nodiscard]] std::string standstill_of(pid_t pid);

}  // namespace charter::tests
