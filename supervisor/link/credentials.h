// What the daemon shows the gateway to be let in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "supervisor/link/gateway_address.h"

namespace charter::supervisor {

// The Authorization header's value: the token, else the URL's user and password, else empty.
[[nodiscard]] std::string authorization_for(const GatewayAddress& gateway, std::string_view token);

// Why `token` cannot travel in a header, without quoting it; nothing when it can.
[[nodiscard]] std::optional<std::string> token_problem(std::string_view token);

}  // namespace charter::supervisor
