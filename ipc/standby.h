// How workers that stand by are asked for and given their run, over connected SOCK_SEQPACKET
// sockets: messages of a few bytes with descriptors. Nothing here waits, but receive_run.
#pragma once

#include <sys/types.h>

#include <optional>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

struct HandedRun {
  UniqueFd journal;
  UniqueFd job;
};

// Sends copies of both, which worker mode `run` finds open; false when they could not be sent.
[[nodiscard]] bool hand_run(int socket, int journal, int job);

// Waits for them; nothing when none will come, or what came is something else.
[[nodiscard]] std::optional<HandedRun> receive_run(int socket);

// Asks for a worker that will be handed its run on `run`.
[[nodiscard]] bool ask_for_worker(int socket, int run);

struct StandingWorker {
  pid_t pid = 0;
  UniqueFd process;  // pidfd
};

// The answer: the worker; nothing when there is no answer yet. Errors: none will come any more.
[[nodiscard]] Result<std::optional<StandingWorker>> receive_worker(int socket);

}  // namespace charter::ipc
