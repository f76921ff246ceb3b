// Between the plain values and their Cap'n Proto forms, where more than one message uses them.
// Included by this room's sources only, never by its public headers.
#pragma once

#include <charter.capnp.h>

#include "ipc/ledger_record.h"
#include "ipc/sandbox.h"

namespace charter::ipc {

void write_command(const Command& command, schema::Command::Builder out);
[[nodiscard]] Command read_command(schema::Command::Reader in);
[[nodiscard]] std::size_t text_bytes(const Command& command);

void write_sandbox(const Sandbox& sandbox, schema::Sandbox::Builder out);
[[nodiscard]] Sandbox read_sandbox(schema::Sandbox::Reader in);
[[nodiscard]] std::size_t text_bytes(const Sandbox& sandbox);

}  // namespace charter::ipc
