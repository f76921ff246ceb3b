// The bridge (charter_bridge.py) as it is given to an interpreter: a part of this program, so that
// the two are always of one version.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace charter::worker {

extern const std::string_view kBridgeProgram;

// How an interpreter is started that then reads the program, and after it requests, from its
// standard input.
[[nodiscard]] std::vector<std::string> bridge_command(const std::string& interpreter);

}  // namespace charter::worker
