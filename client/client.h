// The commands that talk to the daemon of a project and print what it says.
#pragma once

#include <span>

#include "ipc/option_table.h"

namespace charter::client {

// dev, run, list, status, events, logs, wait, kill, resume, submit, retry, forget, adopt, drain,
// reload and stop: argv[1] is the command's name, the rest its options. Returns the exit code.
[[nodiscard]] int client_main(int argc, char** argv);

// Their tables, in the order in which a help lists them.
[[nodiscard]] std::span<const ipc::CommandSpec* const> client_commands();

}  // namespace charter::client
