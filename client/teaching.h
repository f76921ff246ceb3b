// The commands that tell of the others: `completion`, `complete` and `manual`.
#pragma once

#include <span>

#include "ipc/option_table.h"

namespace charter::client {

extern const ipc::CommandSpec kCompletionTable;
extern const ipc::CommandSpec kManualTable;

// Each gets its own words as `argv`, the command's name being argv[1], and the tables of all
// commands. Returns the exit code.
[[nodiscard]] int completion_main(int argc, char** argv);
[[nodiscard]] int manual_main(std::span<const ipc::CommandSpec* const> all, int argc, char** argv);
// What shells call: prints what may stand where the last word stands. Says nothing at any error,
// since a person is in the middle of a line.
[[nodiscard]] int complete_main(std::span<const ipc::CommandSpec* const> all, int argc,
                                char** argv);

}  // namespace charter::client
