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

// What pages are made of. As text of a line: roff takes a backslash, a hyphen, and a dot or quote
// at the beginning for its own.
[[nodiscard]] std::string manual_escaped(std::string_view text);
[[nodiscard]] std::string manual_bold(std::string_view text);
[[nodiscard]] std::string manual_upper(std::string_view text);
// The head of a page and its NAME.
[[nodiscard]] std::string manual_title(const std::string& name, int section,
                                       std::string_view summary, std::string_view version);

}  // namespace charter::ipc
