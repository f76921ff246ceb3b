// The options of the commands in this directory: those of `start`, and what is theirs.
#pragma once

#include <span>
#include <variant>

#include "ipc/option_table.h"

namespace charter::supervisor {

// The project may be found upward from the working directory, as by the client.
[[nodiscard]] std::span<const ipc::OptionSpec> options_of_start_and_json();
// Reads what was given to one of them behind its name: the values, or the exit code with which it
// ends at once, having said why or shown its help.
[[nodiscard]] std::variant<ipc::OptionValues, int> read_command(const ipc::CommandSpec& command,
                                                                std::span<char* const> arguments);

}  // namespace charter::supervisor
