#include "tests/support/run_processes.h"

#include "tests/support/hand_off_client.h"
#include "tests/support/process_table.h"

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

}  // namespace charter::tests
