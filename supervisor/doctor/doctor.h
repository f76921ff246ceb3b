// `doctor` and `support-bundle`: what is wrong with a project, its daemon and its host, and what
// somebody who is asked for help wants to see. Both work without a daemon and change nothing.
#pragma once

#include "ipc/option_table.h"

namespace charter::supervisor {

[[nodiscard]] const ipc::CommandSpec& doctor_command();
// `argv[1]` is the command's name, the rest its options. Gives the exit code.
[[nodiscard]] int doctor_main(int argc, char** argv);

[[nodiscard]] const ipc::CommandSpec& support_bundle_command();
[[nodiscard]] int support_bundle_main(int argc, char** argv);

}  // namespace charter::supervisor
