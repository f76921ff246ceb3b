// Shows the gateway to a person.
#pragma once

#include <string>

namespace charter::gateway {

// Hands the URL to the desktop's opener and does not wait for it; false when there is none.
bool open_in_browser(const std::string& url);

}  // namespace charter::gateway
