// The processes of one run, found as a person would find them.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <string>

namespace charter::tests {

// The guardian as the daemon names it, and the engine below it; 0 when there is none.
[[nodiscard]] pid_t guardian_of(const std::string& socket, const std::string& run);
[[nodiscard]] pid_t engine_of(const std::string& socket, const std::string& run);

// Ends both by a signal that neither handles so that neither can react to the other's end, as a
// loss of power would. It is the guardian that is stopped: a stopped engine is continued by the
// kernel when its guardian ends (setpgid(2): a group that becomes orphaned while a member is
// stopped). Returns false if the guardian did not stop in time; then none was sent.
[[nodiscard]] bool kill_worker(pid_t guardian, pid_t engine, int signal = SIGKILL);

}  // namespace charter::tests
