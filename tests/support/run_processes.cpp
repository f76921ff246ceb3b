#include "tests/support/run_processes.h"

#include "tests/support/files.h"
#include "tests/support/hand_off_client.h"
#include "tests/support/process_table.h"
#include "tests/support/wait.h"

namespace charter::tests {

pid_t guardian_of(const std::string& socket, const std::string& run) {
  const auto view = run_view(socket, run);
  const auto* pid = view.if_contains("guardian_pid");
  return pid != nullptr && pid->is_int64() ? static_cast<pid_t>(pid->get_int64()) : 0;
}

pid_t engine_of(const std::string& socket, const std::string& run) {
  const pid_t guardian = guardian_of(socket, run);
  if (guardian == 0) return 0;
  const auto below = children_of(guardian);
  return below.empty() ? 0 : below.front();
}

bool kill_worker(pid_t guardian, pid_t engine, int signal) {
  if (guardian <= 0 || engine <= 0 || ::kill(guardian, SIGSTOP) != 0) return false;
  const std::string stat = "/proc/" + std::to_string(guardian) + "/stat";
  if (!eventually(kSoon, [&] { return read_file(stat).find(") T ") != std::string::npos; })) {
    return false;
  }
  if (::kill(engine, signal) != 0 || ::kill(guardian, signal) != 0) return false;
  return signal == SIGKILL || ::kill(guardian, SIGCONT) == 0;
}

}  // namespace charter::tests
