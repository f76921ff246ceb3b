// The options of the commands in this directory: those of `start`, and what is theirs.
#pragma once

#include <span>

#include "ipc/option_table.h"

namespace charter::supervisor {

// The project may be found upward from the working directory, as by the client.
[[nodiscard]] std::span<const ipc::OptionSpec> options_of_start_and_json();

}  // namespace charter::supervisor
