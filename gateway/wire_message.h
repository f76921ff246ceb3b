// charter.capnp.v1 as the gateway sees it: a daemon's messages become those of the stock protocol,
// a command's JSON becomes a message of its own. So everything behind the connection is the same
// whichever protocol a daemon speaks.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/command_table.h"
#include "gateway/daemon_message.h"
#include "ipc/gateway_message.h"

namespace charter::gateway {

struct WireMessage {
  std::vector<DaemonMessage> messages;
  ipc::wire::Acks acks;             // due when the messages are on disk; ascending within a run
  std::vector<ipc::Error> dropped;  // why events could not be kept
  std::optional<ipc::wire::Described> described;
  std::optional<ipc::wire::Output> output;
};

// An error of code std::errc::not_supported is a kind of message this gateway does not know; any
// other one means that the connection makes no sense.
[[nodiscard]] ipc::Result<WireMessage> read_wire_message(std::string_view bytes);

[[nodiscard]] std::string wire_command(const CommandRow& command);

}  // namespace charter::gateway
