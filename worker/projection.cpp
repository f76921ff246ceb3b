#include "worker/projection.h"

#include <algorithm>
#include <utility>

#include "ipc/journal.h"
#include "worker/endings.h"
#include "worker/events.h"
#include "worker/opening.h"
#include "worker/plan/project.h"
#include "worker/plan/runtime.h"
#include "worker/plan/workflow.h"
#include "worker/report.h"
#include "worker/stores/spares.h"

namespace charter::worker {
namespace {

using Last = ipc::JournalSummary::Last;

std::int64_t milliseconds(std::int64_t begun_us, std::int64_t ended_us) {
  return std::max<std::int64_t>(0, (ended_us - begun_us + 500) / 1000);
}

// Whether the run waits at an input step. A plan that cannot be read has gates only: then the
// decision says what became of the run.
bool waits_at_input(const RunState& state) {
  const auto snapshot = state.snapshot();
  const auto workflow =
      snapshot ? workflow_from_snapshot(*snapshot) : ipc::Result<Workflow>(snapshot.error());
  if (!workflow) return false;
  return std::any_of(workflow->steps.begin(), workflow->steps.end(), [&state](const Step& step) {
    return step.id == state.current_step() && step.type == StepType::input;
  });
}

std::string text_of(const Value& value) { return value.is_string() ? value.as_string() : ""; }

std::optional<std::string> note_of(const ipc::Event& event) {
  const Value note = event_field(event, "note");
  if (!note.is_string()) return std::nullopt;
  return note.as_string();
}

// What does not reach the event store is recorded without a number.
class PatientEvents : public EventSink {
 public:
  explicit PatientEvents(DriverInquiry& driver) : driver_(driver) {}
  ipc::Result<std::optional<std::int64_t>> append(const ipc::Event& event,
                                                  std::int64_t at_us) override {
    auto number = driver_.drivers().append(event, at_us);
    if (number) return number;
    log_line("an event is not in the event store: " + driver_.shown(number.error()));
    return std::optional<std::int64_t>();
  }

 private:
  DriverInquiry& driver_;
};

}  // namespace

Projection::Projection(const ipc::Job& job, const Replay& replay, Recorder recorder)
    : job_(job),
      replay_(replay),
      layout_(job.project_root, job.data_dir),
      recorder_(std::move(recorder)),
      verdict_(judge(job, layout_, replay)),
      now_(ipc::now_us()) {}

ipc::Result<void> Projection::run() {
  sweep_spares(spares_directory(layout_), job_.run_id);
  const ipc::JournalSummary& summary = replay_.summary;
  const std::string kind = replay_.last_event ? replay_.last_event->kind : "";
  if (summary.last == Last::terminal) return make_file_good();
  if (summary.frames == 0 && !job_.command && job_.reason.empty()) return settle_taken_on();
  if (summary.last != Last::paused || verdict_.cancelled || !job_.reason.empty()) find_driver();
  if (!terminal_status(kind).empty() || kind == "StepFailedEvent") return finish_telling();
  if (summary.last == Last::paused) return settle_paused();
  const bool refused = kind == "GateDecisionEvent" && !replay_.decisions.empty() &&
                       !replay_.decisions.back().approved;
  return refused ? finish_telling() : settle_executing();
}

// The project's storage driver, which has to know as well. The run ends whether or not it answers.
void Projection::find_driver() {
  StorageDriver driver;
  if (Fault fault = configured_driver(layout_.root(), driver)) return log_line(fault->text);
  if (driver.is_file()) return;
  Files files;
  auto runtime = find_python_runtime(files, layout_.root());
  if (!runtime) return log_line("storage driver: " + runtime.error().what);
  driver_ = std::make_unique<DriverInquiry>(
      std::move(*runtime), driver, Inquiry::Place{job_.sandbox, layout_.root(), layout_.data_dir()},
      job_.worker_id);
  if (auto bound = driver_->bind(); !bound) {
    log_line("storage driver: " + driver_->shown(bound.error()));
    driver_.reset();
    return;
  }
  events_ = std::make_unique<PatientEvents>(*driver_);
  recorder_.use(events_.get());
}

void Projection::tell_driver(const RunState& state) {
  if (!driver_ || std::exchange(driver_told_, true)) return;
  if (auto saved = driver_->drivers().save(state.render()); !saved) {
    log_line("storage driver: " + driver_->shown(saved.error()));
  }
}

// What is not in the driver, or cannot be had from it, is taken from our copy.
ipc::Result<std::string> Projection::paused_state() {
  if (driver_) {
    auto held = driver_->load(job_.run_id);
    if (held) return held;
    log_line("storage driver: " + driver_->shown(held.error()));
  }
  return read_state_file(layout_.state_file(job_.run_id));
}

// The state as far as the journal tells it; nothing when there is none, which keeps no run from
// its end.
std::optional<RunState> Projection::state() const {
  const std::string path = layout_.state_file(job_.run_id);
  std::string otherwise = job_.state;
  if (otherwise.empty()) {
    if (auto file = read_state_file(path)) otherwise = *file;
  }
  auto state = replay_.state(layout_.blobs_dir(job_.run_id), otherwise);
  if (state) return std::move(*state);
  // What the journal lacks the file may have.
  const auto file = read_state_file(path);
  auto shown = file ? RunState::parse(*file) : ipc::Result<RunState>(file.error());
  if (shown && shown->run_id() == job_.run_id) return std::move(*shown);
  log_line("no state file is written: " + state.error().message());
  return std::nullopt;
}

// The last words were torn: the rest of them follows from what is there.
ipc::Result<void> Projection::finish_telling() {
  const ipc::Event& last = *replay_.last_event;
  if (last.kind == "StepFailedEvent") {
    const std::string error = text_of(event_field(last, "error"));
    recorder_.add(run_failed({error, last.sensitive}), now_);
    return end(state(), "failed", error);
  }
  if (last.kind == "GateDecisionEvent") {
    return cancel(event_field(last, "step_id"), note_of(last));
  }
  const std::string status(terminal_status(last.kind));
  return end(state(), status, text_of(event_field(last, "error")));
}

ipc::Result<void> Projection::settle_paused() {
  const auto text = paused_state();
  auto file = text ? RunState::parse(*text) : ipc::Result<RunState>(text.error());
  if (!file) {
    log_line(file.error().message());
    if (!verdict_.cancelled) return give_up_paused();
    auto known = state();
    return known ? cancel_paused(std::move(*known)) : cancel(Value(""), verdict_.note);
  }
  if (moved_on(replay_, *file)) {
    const std::size_t reported = reported_decisions(replay_);
    const bool executing = file->status() == "running" || file->status() == "pending";
    if (executing && file->gate_history().size() <= reported) return {};
    auto told = report_progress(recorder_, *file, layout_.state_file(job_.run_id), reported);
    if (!told) return told;
    if (file->status() != "paused" || !verdict_.cancelled) return tell();
  }
  return verdict_.cancelled ? cancel_paused(std::move(*file)) : give_up_paused();
}

// No worker can go on with it, if the supervisor says so; else it waits as before.
ipc::Result<void> Projection::give_up_paused() {
  return job_.reason.empty() ? ipc::Result<void>{} : fail(job_.reason);
}

// It was taken on from its state file, and nobody has been told more than that it waits. While
// another hand executes it, or it waits elsewhere, that may stay so.
ipc::Result<void> Projection::settle_taken_on() {
  const std::string path = layout_.state_file(job_.run_id);
  const auto text = read_state_file(path);
  auto file = text ? RunState::parse(*text) : ipc::Result<RunState>(text.error());
  if (!file) {
    log_line(file.error().message());
    return {};
  }
  if (!has_ended(file->status())) return {};
  auto told = report_progress(recorder_, *file, path, file->gate_history().size());
  return told ? tell() : told;
}

ipc::Result<void> Projection::cancel_paused(RunState state) {
  const Value step = state.current_step();
  const bool gate = !waits_at_input(state);
  if (gate) state.decide({step, false, verdict_.note, ipc::file_time(now_)});
  state.set_status("cancelled", ipc::file_time(now_));
  tell_driver(state);
  if (gate) recorder_.add(gate_decision(step, false, verdict_.note), now_);
  recorder_.add(run_cancelled(step, verdict_.note), now_);
  return end(std::move(state), "cancelled", verdict_.reason);
}

ipc::Result<void> Projection::settle_executing() {
  const ipc::JournalSummary& summary = replay_.summary;
  const bool begun = summary.step_begun || summary.last == Last::step_open ||
                     summary.last == Last::checkpoint || replay_.went_on;
  if (verdict_.cancelled) {
    const bool open = replay_.open && replay_.last_step;
    return cancel(open ? *replay_.last_step : Value(""), verdict_.note);
  }
  if (begun || verdict_.final) return fail(verdict_.reason);
  // Nothing has been done yet, so it can be begun again, unless somebody gives up on it: the
  // supervisor does so with a reason of its own, or with what the guardian has written down.
  const bool given_up = job_.cause == "project" && (!job_.reason.empty() || summary.exit);
  if (!given_up) return {};
  return fail(job_.reason.empty() ? verdict_.reason : job_.reason);
}

ipc::Result<void> Projection::fail(const std::string& reason) {
  const MaskedText text{reason, false};
  if (replay_.open && replay_.last_step) {
    const std::int64_t ended = replay_.summary.exit ? replay_.exit_at_us : now_;
    recorder_.add(step_failed(*replay_.last_step, milliseconds(replay_.open_since_us, ended), text),
                  now_);
  }
  recorder_.add(run_failed(text), now_);
  return end(state(), "failed", reason);
}

ipc::Result<void> Projection::cancel(const Value& step_id, const std::optional<std::string>& note) {
  recorder_.add(run_cancelled(step_id, note), now_);
  return end(state(), "cancelled", verdict_.cancelled ? verdict_.reason : std::string());
}

ipc::Result<void> Projection::end(std::optional<RunState> state, const std::string& status,
                                  const std::string& reason) {
  ipc::Terminal terminal;
  terminal.status = status;
  terminal.reason = reason;
  if (state) {
    if (status == "failed") {
      state->fail(reason, ipc::file_time(now_));
    } else {
      state->set_status(status, ipc::file_time(now_));
    }
    tell_driver(*state);
    if (auto saved = save(*state); !saved) {
      log_line(saved.error().message());
      terminal.file_late = true;
    }
  }
  if (replay_.summary.exit) terminal.left = replay_.summary.exit->left;
  recorder_.add_frame(std::move(terminal), now_);
  return tell();
}

// After a loss of power, or where the disk did not take it, the file may lack what the journal
// kept.
ipc::Result<void> Projection::make_file_good() {
  const ipc::JournalSummary& summary = replay_.summary;
  const auto text = read_state_file(layout_.state_file(job_.run_id));
  const auto file = text ? RunState::parse(*text) : ipc::Result<RunState>(text.error());
  if (file && file->status() == summary.terminal->status && file->run_id() == job_.run_id) {
    return {};
  }
  auto known = state();
  if (!known) return {};
  if (summary.terminal->status == "failed") {
    known->fail(summary.error, ipc::file_time(replay_.last_at_us));
  } else {
    known->set_status(summary.terminal->status, ipc::file_time(replay_.last_at_us));
  }
  return save(*known);
}

ipc::Result<void> Projection::save(const RunState& state) {
  Spares spares(spares_directory(layout_), job_.run_id);
  auto file = spares.publish(layout_.state_file(job_.run_id), state.render(), true);
  if (!file) return file.error();
  return {};
}

ipc::Result<void> Projection::tell() {
  if (auto flushed = recorder_.flush(); !flushed) return flushed;
  auto synced = recorder_.sync();
  if (synced) recorder_.ring();
  return synced;
}

}  // namespace charter::worker
