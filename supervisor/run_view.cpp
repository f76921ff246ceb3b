#include "supervisor/run_view.h"

#include "ipc/json_object.h"
#include "supervisor/burst.h"
#include "supervisor/event_source.h"
#include "supervisor/tailer.h"

namespace charter::supervisor {
namespace {

// A decided run that waits for a slot is queued, whatever the gateway still sees.
std::string_view state_of(const Run& run) {
  const bool waits = run.state == RunState::paused && run.decision() != nullptr;
  return name_of(waits ? RunState::queued : run.state);
}

bool has_begun(const Run& run) {
  return run.started_burst || run.adopted_paused || run.state != RunState::queued;
}

// What an answer is waited for; null while none is.
const char* waits_at(const Run& run) {
  const bool paused = run.wire == WireStatus::paused && run.decision() == nullptr;
  if (!paused || run.waits_at == PauseKind::none) return "null";
  return run.waits_at == PauseKind::gate ? R"("gate")" : R"("input")";
}

}  // namespace

std::string view_of(const Run& run) {
  ipc::JsonObject view;
  view.text("run_id", run.id)
      .text("workflow_id", run.workflow_id)
      .text_or_null("workflow_path", run.workflow_path)
      .text("state", state_of(run))
      .text("status", has_begun(run) ? name_of(run.wire) : "pending")
      .text("started_at", run.started_at)
      .text("updated_at", ipc::wire_time(run.updated_us))
      .text("step", run.step)
      .raw("waits_at", waits_at(run))
      .text("by", "daemon")
      .number("events", static_cast<std::int64_t>(run.progress.next_seq))
      .number("delivered", static_cast<std::int64_t>(run.delivery.confirmed_seq))
      .text_or_null("error", run.error)
      .text_or_null("retry_of", run.retry_of);
  if (run.burst != nullptr && run.burst->guardian != nullptr && !run.burst->guardian_gone) {
    view.number("guardian_pid", run.burst->guardian->pid());
  } else {
    view.raw("guardian_pid", "null");
  }
  return view.str();
}

std::string view_of(const FinishedRun& run) {
  return ipc::JsonObject()
      .text("run_id", run.id)
      .text("workflow_id", run.workflow_id)
      .text_or_null("workflow_path", run.workflow_path)
      .text("state", name_of(RunState::finished))
      .text("status", name_of(run.wire))
      .text("started_at", run.started_at)
      .text("updated_at", ipc::wire_time(run.updated_us))
      .text("step", run.step)
      .raw("waits_at", "null")
      .text("by", "daemon")
      .number("events", static_cast<std::int64_t>(run.events))
      .number("delivered", static_cast<std::int64_t>(run.events))
      .text_or_null("error", run.error)
      .text_or_null("retry_of", run.retry_of)
      .raw("guardian_pid", "null")
      .str();
}

std::optional<FinishedRun> finished_in_journal(const ipc::Layout& layout,
                                               const std::string& run_id) {
  if (!ipc::valid_run_id(run_id)) return std::nullopt;
  const auto journal = ipc::open_journal(layout.journal(run_id));
  if (!journal) return std::nullopt;
  Run run;
  ipc::JournalSummary summary;
  if (!read_journal(journal->get(), run, summary) || !summary.terminal) return std::nullopt;
  FinishedRun finished;
  finished.id = run_id;
  finished.started_at = ipc::wire_time(run.updated_us);
  finished.step = run.step;
  finished.error = run.error;
  finished.events = run.progress.next_seq;
  finished.updated_us = run.updated_us;
  finished.wire = wire_status(summary.status).value_or(run.wire);
  // Of a worker that did not say it may have been in one, and what was stays in it.
  finished.sandbox = !summary.opened || !summary.opened->bare;
  return finished;
}

}  // namespace charter::supervisor
