// What a child process of this project may inherit: the one list, used by the supervisor for its
// workers and by the engine for its steps.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace charter::ipc {

// Whether a variable must not reach a child: what configures the daemon (CHARTER_DAEMON_*,
// CHARTER_GATEWAY*, CHARTER_PROJECT_PATH), and systemd's own (NOTIFY_SOCKET, LISTEN_*,
// WATCHDOG_*, INVOCATION_ID, JOURNAL_STREAM, MAINPID, MANAGERPID, SYSTEMD_EXEC_PID,
// MEMORY_PRESSURE_*, CREDENTIALS_DIRECTORY, FDSTORE).
[[nodiscard]] bool withheld(std::string_view name);

// This process's environment without the withheld variables, as NAME=value.
[[nodiscard]] std::vector<std::string> clean_environment();

// What the process had when it began, before it changed anything for itself. Call
// `remember_world` first thing in main; `restore_in_child` between fork and exec:
// async-signal-safe, sets every signal to its default and unblocks all, restores umask and resource
// limits, closes every descriptor above `keep_below` - 1.
void remember_world();
void restore_in_child(int keep_below);

}  // namespace charter::ipc
