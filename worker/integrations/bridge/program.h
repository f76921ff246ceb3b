// The bridge (charter_bridge.py) as it is given to an interpreter: a part of this program, so that
// the two are always of one version.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace charter::worker {

extern const std::string_view kBridgeProgram;

// What the program is to be: the side of one run, or what forks such.
inline constexpr const char* kBridge = "charter-bridge";
inline constexpr const char* kNursery = "charter-nursery";

// How an interpreter is started that then reads the program, and after it requests, from its
// standard input. `part` is one of the above.
[[nodiscard]] std::vector<std::string> bridge_command(const std::string& interpreter,
                                                      const char* part = kBridge);

}  // namespace charter::worker
