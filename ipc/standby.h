// How a run is handed to a worker that stands by: one message of a byte, with the two descriptors
// that worker mode `run` finds open.
#pragma once

#include <optional>

#include "ipc/unique_fd.h"

namespace charter::ipc {

struct HandedRun {
  UniqueFd journal;
  UniqueFd job;
};

// Sends copies of both over a connected SOCK_SEQPACKET socket. Never waits; false when they could
// not be sent.
[[nodiscard]] bool hand_run(int socket, int journal, int job);

// Waits for them; nothing when none will come, or what came is something else.
[[nodiscard]] std::optional<HandedRun> receive_run(int socket);

}  // namespace charter::ipc
