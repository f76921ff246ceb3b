// Looking at processes through /proc, as a person would with ps.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

namespace charter::tests {

// Direct children, and everything below, of a process (by parent links at this instant).
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);
[[nodiscard]] std::vector<pid_t> descendants_of(pid_t pid);
// Processes that are alive (not zombies) and have NAME=VALUE in their environment, wherever in
// the tree they are.
[[nodiscard]] std::vector<pid_t> with_variable(std::string_view name, std::string_view value);
// Whether the process exists and is no zombie.
[[nodiscard]] bool alive(pid_t pid);

[[nodiscard]] std::string environment_of(pid_t pid);  // NUL-separated
[[nodiscard]] std::string command_line_of(pid_t pid);
// What its descriptors name: "3 -> /path".
[[nodiscard]] std::vector<std::string> descriptors_of(pid_t pid);

}  // namespace charter::tests
