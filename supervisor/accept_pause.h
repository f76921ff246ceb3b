// What a listener does when a connection cannot be accepted for want of descriptors or memory.
#pragma once

#include <chrono>

namespace charter::supervisor {

// The connection stays in the backlog; until the next try, since trying at once would only spin.
inline constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace charter::supervisor
