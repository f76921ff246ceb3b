// The manual pages, from the option tables.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "ipc/option_table.h"

namespace charter::ipc {

// charter-daemon-COMMAND(1), as roff for man(7). `version` is the program's.
[[nodiscard]] std::string manual_page(const CommandSpec& command, std::string_view version);
// charter-daemon(1), which names the commands.
[[nodiscard]] std::string manual_overview(std::span<const CommandSpec* const> commands,
                                          std::string_view version);

}  // namespace charter::ipc
