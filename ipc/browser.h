// The desktop's browser, by way of xdg-open.
#pragma once

#include <string>

namespace charter::ipc {

// False when the opener cannot be started. Other users of this machine can read the address in the
// list of processes. The opener becomes a child of the caller, to be reaped or ignored.
bool open_in_browser(const std::string& url);

}  // namespace charter::ipc
