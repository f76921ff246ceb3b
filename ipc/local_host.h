// Whether what a browser was told to ask is this machine: a web site can have a name of its own
// resolve to loopback, and must not reach by it what listens there.
#pragma once

#include <string_view>

namespace charter::ipc {

// Whether a Host header names this machine itself: localhost or a loopback address, with or
// without a port.
[[nodiscard]] bool local_host(std::string_view host);

// Whether this is the text of an address of the loopback interface, without brackets or port.
[[nodiscard]] bool loopback_address(std::string_view text);

}  // namespace charter::ipc
