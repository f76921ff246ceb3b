// What the daemon shows the gateway to be let in.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "ipc/error.h"
#include "supervisor/link/gateway_address.h"

namespace charter::supervisor {

// "Basic …" of a "user:password".
[[nodiscard]] std::string basic_authorization(std::string_view credentials);

// The Authorization header's value: the token, else the URL's user and password, else empty.
[[nodiscard]] std::string authorization_for(const GatewayAddress& gateway, std::string_view token);

// Why `token` cannot travel in a header, without quoting it; nothing when it can.
[[nodiscard]] std::optional<std::string> token_problem(std::string_view token);

// The token in a file, blanks and line ends around it taken off. An error names the file and what
// is wrong with it, and quotes nothing of it. Never blocks: only a regular file will do.
[[nodiscard]] ipc::Result<std::string> read_token_file(const std::string& path);

}  // namespace charter::supervisor
