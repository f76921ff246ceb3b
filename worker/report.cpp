#include "worker/report.h"

#include <fcntl.h>

#include <algorithm>
#include <optional>

#include "ipc/job.h"
#include "ipc/journal.h"
#include "ipc/regular_file.h"
#include "worker/json/python.h"
#include "worker/steps/gate.h"
#include "worker/stores/state_file.h"

namespace charter::worker {
namespace {

// The pending event of the step the file says the run waits at; nothing when the file's plan does
// not have it or its texts cannot be made.
std::optional<EventDraft> pending_of(RunState& file, const ArtifactStore& store) {
  const auto snapshot = file.snapshot();
  if (!snapshot) return std::nullopt;
  const auto workflow = workflow_from_snapshot(*snapshot);
  if (!workflow) return std::nullopt;
  const auto step =
      std::find_if(workflow->steps.begin(), workflow->steps.end(),
                   [&file](const Step& one) { return one.id == file.current_step(); });
  if (step == workflow->steps.end()) return std::nullopt;
  if (step->type != StepType::gate && step->type != StepType::input) return std::nullopt;
  auto event = pending_event(*step, file, Artifacts(store, *workflow));
  if (!event) return std::nullopt;
  return std::move(*event);
}

std::string artifacts_beside(const std::string& state_file) {
  return state_file.substr(0, state_file.rfind('.')) + ".artifacts";
}

EventDraft end_of(const RunState& file) {
  if (file.status() == "completed") return run_complete();
  if (file.status() == "cancelled") {
    const auto& gates = file.gate_history();
    const bool refused = !gates.empty() && !gates.back().approved;
    return run_cancelled(file.current_step(), refused ? gates.back().note : std::nullopt);
  }
  return run_failed({file.error().empty() ? file.status() : file.error(), false});
}

}  // namespace

bool has_ended(const std::string& status) {
  return status == "completed" || status == "failed" || status == "cancelled" || status == "lost";
}

ipc::Result<ipc::Pause> identify_state_file(const std::string& path) {
  const auto file = ipc::open_regular(path, O_RDONLY);
  if (!file) return file.error();
  const auto bytes = ipc::read_all(file->get(), kMostStateBytes);
  if (!bytes) return bytes.error();
  return identify_file(file->get(), *bytes);
}

ipc::Result<void> report_progress(Recorder& recorder, RunState& file, const std::string& path,
                                  std::size_t reported) {
  const std::int64_t now = ipc::now_us();
  const auto& gates = file.gate_history();
  for (std::size_t at = reported; at < gates.size(); ++at) {
    recorder.add(gate_decision(gates[at].step_id, gates[at].approved, gates[at].note), now);
  }
  if (has_ended(file.status())) {
    EventDraft end = end_of(file);
    ipc::Terminal terminal;
    terminal.status = terminal_status(end.kind);
    recorder.add(std::move(end), now);
    recorder.add_frame(std::move(terminal), now);
    return {};
  }
  auto pause = identify_state_file(path);
  if (!pause) return pause.error();
  auto pending = file.status() == "paused"
                     ? pending_of(file, {artifacts_beside(path), file.run_id()})
                     : std::nullopt;
  if (pending) {
    recorder.add_pause(std::move(*pending), *pause, now);
  } else {
    recorder.repeat_pause(*pause, str(file.current_step()), now);
  }
  return {};
}

}  // namespace charter::worker
