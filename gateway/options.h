// What `charter-daemon gateway` was told, checked.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/retention_settings.h"
#include "ipc/error.h"
#include "ipc/option_table.h"

namespace charter::gateway {

struct GatewayOptions {
  boost::asio::ip::tcp::endpoint listen;
  std::string data;   // directory, absolute or relative to the working directory
  std::string token;  // empty for none; never logged
  RetentionSettings retention;
  bool open = false;
  std::string log_level = "info";
  std::vector<std::string> warnings;  // for the log, once it is there
};

// The table of `gateway`.
[[nodiscard]] const ipc::CommandSpec& gateway_command();

// Checks the values and reads the token's file. Errors are usage errors.
[[nodiscard]] ipc::Result<GatewayOptions> check_gateway_options(const ipc::OptionValues& values);

// "127.0.0.1:8765", "[::1]:8765", "localhost:8765"; nothing when it is no such address.
[[nodiscard]] std::optional<boost::asio::ip::tcp::endpoint> parse_listen(std::string_view text);

}  // namespace charter::gateway
