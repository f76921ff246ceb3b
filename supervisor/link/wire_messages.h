// The messages of charter.capnp.v1, from and to what the JSON ones are made of: messages.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/gateway_message.h"
#include "supervisor/link/messages.h"

namespace charter::supervisor::capnp {

[[nodiscard]] std::string register_message(std::string_view worker_id, std::int64_t max_runs,
                                           std::vector<std::string> active_runs, bool tells_output);
[[nodiscard]] std::string announced_message(const Announcement& run);
// `frames` are payloads of journal frames.
[[nodiscard]] std::string events_message(std::vector<std::string> frames);
[[nodiscard]] std::string heartbeat_message(std::uint64_t running, std::uint64_t paused);
[[nodiscard]] std::string answer_message(const CommandAnswer& answer);

// A command of the gateway, as if it had come in JSON.
[[nodiscard]] Inbound inbound_of(ipc::wire::Command command);

}  // namespace charter::supervisor::capnp
