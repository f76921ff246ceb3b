#include "worker/opening.h"

#include <fcntl.h>

#include <utility>

#include "ipc/regular_file.h"
#include "worker/json/python.h"
#include "worker/stores/state_file.h"

namespace charter::worker {
namespace {

using Last = ipc::JournalSummary::Last;

ipc::Result<Opening> choose_start(const ipc::Job& job, const Replay& replay) {
  const ipc::JournalSummary& summary = replay.summary;
  if (summary.step_begun || summary.last == Last::paused || replay.went_on) return Opening{};
  if (job.state.empty()) return ipc::plain_error("a start without a state");
  return Opening{Opening::Kind::start, job.state, false};
}

// Whether the burst on record began at a pause. Then its state is good where the file is not, which
// a loss of power can leave empty: that burst has replaced it and not synced it.
bool waited(const Replay& replay) {
  const auto before = RunState::parse(replay.base);
  return before && before->status() == "paused";
}

// Whether the file is what a resume that died before its first step has left: still as it was at
// the pause, or executing by the very decision that is on record.
bool is_ours(const Replay& replay, const RunState& file) {
  const auto before = RunState::parse(replay.base);
  if (!before || before->status() != "paused") return false;
  const std::size_t gates = before->gate_history().size();
  if (file.status() == "paused") return file.gate_history().size() == gates;
  return file.status() == "running" && !replay.decisions.empty() &&
         file.gate_history().size() == gates + 1 &&
         file.gate_history().back().decided_at == replay.decisions.back().decided_at;
}

ipc::Result<Opening> choose_resume(const ipc::Layout& layout, const ipc::Job& job,
                                   const Replay& replay) {
  const ipc::JournalSummary& summary = replay.summary;
  const bool again = summary.last == Last::opened && !summary.step_begun;
  if (!again && summary.last != Last::paused && summary.last != Last::none) return Opening{};
  auto text = read_state_file(layout.state_file(job.run_id));
  const auto file = text ? RunState::parse(*text) : ipc::Result<RunState>(text.error());
  if (again && (file ? is_ours(replay, *file) : waited(replay))) {
    return Opening{Opening::Kind::decide, replay.base, !replay.decisions.empty()};
  }
  if (!file) return file.error();
  const bool moved =
      summary.last == Last::none ? file->status() != "paused" : moved_on(replay, *file);
  return Opening{moved ? Opening::Kind::report : Opening::Kind::decide, std::move(*text), false};
}

// Its worker is lost. The state is what the journal says it had come to; what some of the journal
// was set aside for may have been done, and is not done again.
ipc::Result<Opening> choose_continuation(const ipc::Layout& layout, const ipc::Job& job,
                                         const Replay& replay) {
  if (replay.summary.last == Last::paused || replay.summary.damaged) return Opening{};
  const auto state = replay.state(layout.blobs_dir(job.run_id), job.state);
  if (!state) return state.error();
  return Opening{Opening::Kind::go_on, state->render(), false};
}

}  // namespace

// A run that was taken on paused brings decisions of its own time with it.
std::size_t reported_decisions(const Replay& replay) {
  const auto first = RunState::parse(replay.first_base);
  return (first ? first->gate_history().size() : 0) + replay.all_decisions;
}

bool moved_on(const Replay& replay, const RunState& file) {
  const ipc::JournalSummary& summary = replay.summary;
  return file.status() != "paused" || !summary.pause ||
         str(file.current_step()) != summary.pause->step_id ||
         file.gate_history().size() != reported_decisions(replay);
}

ipc::Result<std::string> read_state_file(const std::string& path) {
  const auto file = ipc::open_regular(path, O_RDONLY);
  if (!file) return file.error();
  return ipc::read_all(file->get(), kMostStateBytes);
}

ipc::Result<Opening> choose_opening(const ipc::Job& job, const ipc::Layout& layout,
                                    const Replay& replay) {
  if (replay.summary.last == Last::terminal) return Opening{Opening::Kind::nothing, {}, false};
  if (job.cause == "start") return choose_start(job, replay);
  if (job.cause == "resume" || job.cause == "input") return choose_resume(layout, job, replay);
  if (job.cause == "continue") return choose_continuation(layout, job, replay);
  return ipc::plain_error("a burst of unknown cause '" + job.cause + "'");
}

}  // namespace charter::worker
