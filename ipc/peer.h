// Who is at the other end of a Unix socket, and who a process is.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {

struct Peer {
  pid_t pid = 0;
  uid_t uid = 0;
};
[[nodiscard]] Result<Peer> peer_of(int socket);

// Fields 4 and 22 of /proc/PID/stat; nothing when it is gone.
struct ProcessStat {
  pid_t parent = 0;         // 0: it has none here
  std::uint64_t start = 0;  // in clock ticks since boot
};
[[nodiscard]] std::optional<ProcessStat> process_stat(pid_t pid);
[[nodiscard]] std::optional<std::uint64_t> start_time(pid_t pid);
[[nodiscard]] std::string boot_id();
[[nodiscard]] std::uint64_t pid_namespace();  // inode of /proc/self/ns/pid
// A pidfd of that very process: opened, then its start time compared. Nothing when it is not it.
[[nodiscard]] UniqueFd open_process(pid_t pid, std::uint64_t start);
[[nodiscard]] Result<void> signal_process(int pidfd, int signal);

// The guardian's kill request: SIGRTMIN+1, queued through a pidfd, the grace in milliseconds in
// its value (at most 2^31-1).
[[nodiscard]] int kill_signal();
[[nodiscard]] Result<void> request_kill(int pidfd, std::uint32_t grace_ms);

// Milliseconds of CLOCK_BOOTTIME, for deadlines.
[[nodiscard]] std::int64_t boot_ms();

}  // namespace charter::ipc
