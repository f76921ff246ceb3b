// `charter-daemon gateway`: a gateway for the daemons of one host.
#pragma once

#include "ipc/option_table.h"

namespace charter::gateway {

// `argv` is what follows the program's name, "gateway" first. Gives the exit code.
int gateway_main(int argc, char** argv);

[[nodiscard]] const ipc::CommandSpec& gateway_command();

}  // namespace charter::gateway
