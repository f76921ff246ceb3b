#include "supervisor/file_run.h"

#include <spdlog/fmt/fmt.h>

#include "supervisor/paused_state.h"
#include "supervisor/run.h"

namespace charter::supervisor {
namespace {

bool is_over(const std::string& status) {
  const auto wire = wire_status(status);
  return wire && is_terminal(*wire);
}

Refusal no_run(const std::string& id) { return {"unknown_run", fmt::format("No run '{}'", id)}; }

std::string who_ends(const ipc::Layout& layout, const std::string& id, const std::string& status) {
  if (is_over(status)) return "it is over";
  const auto paused = read_paused_state(layout, id);
  if (!paused) return "who carries it out ends it";
  if (paused->waits_at == PauseKind::gate) {
    return fmt::format("'charter-daemon resume {} --deny' ends it", id);
  }
  return fmt::format("once 'charter-daemon submit {}' has answered it, it is the daemon's", id);
}

}  // namespace

std::optional<Refusal> refuse_to_forget_file(const ipc::Layout& layout, const std::string& run_id) {
  const auto status = status_in_state_file(layout, run_id);
  if (!status) return no_run(run_id);
  if (is_over(*status)) return std::nullopt;
  return Refusal{
      "still_active",
      fmt::format(
          "Run '{}' is not over: only its state file tells of it ({}), and another hand may "
          "go on with it; when none does, remove {}",
          run_id, *status, layout.state_file(run_id))};
}

Refusal refuse_to_kill_file(const ipc::Layout& layout, const std::string& run_id) {
  const auto status = status_in_state_file(layout, run_id);
  if (!status) return no_run(run_id);
  return {"unknown_run", fmt::format("Run '{}' is not this daemon's, only its state file tells of "
                                     "it ({}): {}",
                                     run_id, *status, who_ends(layout, run_id, *status))};
}

}  // namespace charter::supervisor
