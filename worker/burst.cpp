#include "worker/burst.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "ipc/journal.h"
#include "ipc/peer.h"
#include "worker/endings.h"
#include "worker/json/python.h"
#include "worker/kill.h"
#include "worker/plan/answers.h"
#include "worker/report.h"
#include "worker/step_tree.h"
#include "worker/steps/audit.h"
#include "worker/steps/gate.h"
#include "worker/steps/masking.h"

namespace charter::worker {
namespace {

constexpr std::int64_t kCallAgainMs = 250;  // while the supervisor is away

}  // namespace

Burst::Burst(const ipc::Layout& layout, Attention& attention, Reaper& reaper, Recorder recorder,
             RunState state, Workflow workflow, const Limits& limits, RunGroups& groups,
             PythonStart python, std::string worker_id)
    : layout_(layout),
      attention_(attention),
      reaper_(reaper),
      recorder_(std::move(recorder)),
      state_(std::move(state)),
      workflow_(std::move(workflow)),
      limits_(limits),
      groups_(groups),
      output_(layout, state_.run_id(), limits.log_bytes, [this] { return secrets(); }),
      file_(layout.state_file(state_.run_id()), spares_directory(layout), state_),
      artifacts_({layout.artifacts_dir(state_.run_id()), state_.run_id()}, workflow_),
      environment_(layout, state_.run_id()),
      capabilities_(
          attention, reaper, limits, std::move(python),
          [this](const Value& value) { return mask(value, secrets()); },
          [this](const std::string& source) { return output_.listen_to(source); }),
      worker_id_(std::move(worker_id)) {
  attention_.set_chores(this);
  attention_.set_listener(&output_);
}

Burst::~Burst() {
  attention_.set_chores(nullptr);
  attention_.set_listener(nullptr);
}

std::int64_t Burst::due() const {
  const std::int64_t call = recorder_.doorbell() < 0 ? call_again_ : kNever;
  return std::min(file_.due(), call);
}

void Burst::work() {
  file_.save_if_due();
  recorder_.keep_alive();
  call_again_ = ipc::boot_ms() + kCallAgainMs;
}

int Burst::hang_up() const { return recorder_.doorbell(); }

void Burst::must(const ipc::Result<void>& done) {
  if (done) return;
  // What cannot be recorded must not go on; the guardian tells why, if it can.
  log_line(done.error().message());
  (void)kill_tree(reaper_);
  ::_exit(journal_exit(done.error()));
}

void Burst::tell() {
  must(recorder_.flush());
  recorder_.ring();
}

// Before the state file goes on from a pause: after a loss of power one that is ahead of the
// journal would look as if another hand had gone on with the run.
void Burst::tell_durably() {
  must(recorder_.flush());
  must(recorder_.sync());
  recorder_.ring();
}

// Approved gates have no outputs to know them by.
void Burst::note_approvals() {
  for (const GateRecord& gate : state_.gate_history()) {
    std::erase_if(approved_, [&gate](const Value& one) { return one == gate.step_id; });
    if (gate.approved) approved_.push_back(gate.step_id);
  }
}

bool Burst::is_done(const Step& step) const {
  if (state_.has_outputs(step.id_key())) return true;
  return step.type == StepType::gate &&
         std::find(approved_.begin(), approved_.end(), step.id) != approved_.end();
}

void Burst::go_on() {
  note_approvals();
  state_.set_status("running", ipc::file_time(ipc::now_us()));
  file_.changed();
  if (!set_up() || !keep_state()) return;
  const auto& steps = workflow_.steps;
  const auto first =
      std::find_if(steps.begin(), steps.end(), [this](const Step& step) { return !is_done(step); });
  execute(static_cast<std::size_t>(first - steps.begin()));
}

void Burst::start() {
  note_approvals();
  state_.set_status("running", ipc::file_time(ipc::now_us()));
  file_.changed();
  if (set_up() && keep_state()) execute(0);
}

void Burst::process_begun(const std::string& uses, pid_t pid) {
  recorder_.add_frame(ipc::StepProcess{uses, 0, pid, ipc::start_time(pid).value_or(0)},
                      ipc::now_us());
  must(recorder_.flush());
}

// Before anything is done or told; when it fails, so has the run.
bool Burst::set_up() {
  if (!find_drivers()) return false;
  groups_.mark();
  auto done = capabilities_.set_up(
      state_, environment_,
      [this](const std::string& uses, pid_t pid) { process_begun(uses, pid); });
  attention_.check();
  if (done) done = can_execute();
  if (!done) fail(groups_.explained(done.error().message(), "an integration's setup"));
  return static_cast<bool>(done);
}

ipc::Result<void> Burst::can_execute() const {
  auto done = need_stores();
  return done ? capabilities_.bind(workflow_) : done;
}

// The driver's state may have steps of its own. False when the run has failed.
bool Burst::take_set_up() {
  if (!take_from_driver()) return false;
  if (!drivers_) return true;
  const auto done = can_execute();
  if (!done) fail(done.error().message());
  return static_cast<bool>(done);
}

// The step of this type that the state says the run is at.
const Step* Burst::paused_step(StepType type) const {
  for (const Step& step : workflow_.steps) {
    if (step.id == state_.current_step()) return step.type == type ? &step : nullptr;
  }
  return nullptr;
}

void Burst::decide(GateRecord decision, bool recorded) {
  if (!find_drivers()) return;
  if (paused_step(StepType::gate) == nullptr || !waits_in_driver()) {
    stay_paused();
    return;
  }
  if (decision.approved && !set_up()) return;
  if (!(decision.approved ? take_set_up() : take_from_driver())) return;
  const Step* gate = paused_step(StepType::gate);
  if (gate == nullptr) {
    fail("Current step '" + str(state_.current_step()) + "' is not a gate step");
    return;
  }
  const std::size_t next = place_of(*gate) + 1;
  decision.step_id = gate->id;
  if (decision.note) decision.note = cut_text(std::move(*decision.note));  // as its event has it
  const std::int64_t now = ipc::now_us();
  if (!recorded) decision.decided_at = ipc::file_time(now);
  state_.decide(decision);
  state_.set_status(decision.approved ? "running" : "cancelled", decision.decided_at);
  if (!keep_state()) return;
  if (!recorded) {
    recorder_.add(gate_decision(gate->id, decision.approved, decision.note), now);
    if (!accepted()) return;
  }
  if (!decision.approved) {
    refuse(decision);
    return;
  }
  // The journal first: a burst that dies in between is begun again with the same decision.
  tell_durably();
  if (auto saved = file_.save(); !saved) {
    fail(saved.error().message());
    return;
  }
  execute(next);
}

void Burst::answer(const std::string& submission) {
  if (!find_drivers()) return;
  if (drivers_ && (!set_up() || !take_set_up())) return;
  const Step* form = paused_step(StepType::input);
  const auto payload = parse_json(submission);
  const bool readable = form != nullptr && payload && payload->is_object();
  const auto outputs =
      readable ? check_answers(*form, payload->as_object()) : Outcome<Object>(internal("no form"));
  if (!outputs && drivers_) {
    fail(outputs.error().text);
    return;
  }
  if (!outputs) {
    log_line("an input that is no answer is ignored: " + outputs.error().code);
    stay_paused();
    return;
  }
  const std::size_t next = place_of(*form) + 1;
  if (!drivers_ && !set_up()) return;
  const std::int64_t now = ipc::now_us();
  state_.set_status("running", ipc::file_time(now));
  state_.add_outputs(form->id_key(), *outputs, ipc::file_time(now));
  if (!keep_state()) return;
  if (auto done = finish_step(*form, *outputs, 0, now); !done) {
    state_.keep_outputs(state_.steps_done() - 1);
    fail(done.error().message());
    return;
  }
  if (!accepted()) return;
  tell_durably();
  execute(next);
}

void Burst::refuse(const GateRecord& decision) {
  attention_.check();
  recorder_.add(run_cancelled(decision.step_id, decision.note), ipc::now_us());
  if (accepted()) end("cancelled");
}

void Burst::stay_paused() {
  auto pause = identify_state_file(layout_.state_file(state_.run_id()));
  if (!pause) must(pause.error());
  recorder_.repeat_pause(*pause, str(state_.current_step()), ipc::now_us());
  tell();
}

void Burst::execute(std::size_t first) {
  const auto& steps = workflow_.steps;
  for (std::size_t at = first; at < steps.size();) {
    const Step& step = steps[at];
    if (is_done(step)) {
      recorder_.add(step_skipped(step), ipc::now_us());
      if (!accepted()) return;
      ++at;
    } else if (step.type == StepType::state && !drivers_) {
      const std::size_t done = run_states(at);
      if (done == 0) return;
      at += done;
    } else if (step.type == StepType::gate || step.type == StepType::input) {
      pause_at(step);
      return;
    } else {
      if (!run_step(step)) return;
      ++at;
    }
  }
  complete();
}

void Burst::complete() {
  attention_.check();
  state_.set_status("completed", ipc::file_time(ipc::now_us()));
  if (!keep_state()) return;
  recorder_.add(run_complete(), ipc::now_us());
  if (accepted()) end("completed");
}

void Burst::pause_at(const Step& step) {
  const std::int64_t now = ipc::now_us();
  state_.enter_step(step.id, ipc::file_time(now));
  auto pending = pending_event(step, state_, artifacts_);
  if (!pending) {
    fail(pending.error().message());
    return;
  }
  attention_.check();
  state_.set_status("paused", ipc::file_time(now));
  auto pause = file_.save_for_pause();
  if (!pause) {
    fail(pause.error().message());
    return;
  }
  if (!keep_state()) return;
  recorder_.add_pause(std::move(*pending), *pause, ipc::now_us());
  if (accepted()) tell();
}

// Saved before it is told. A file that cannot be written does not keep a run from its end; the
// supervisor has it written later.
void Burst::end(const char* status) {
  ipc::Terminal terminal;
  terminal.status = status;
  if (auto saved = file_.save(); !saved) {
    log_line(saved.error().message());
    terminal.file_late = true;
  }
  recorder_.add_frame(std::move(terminal), ipc::now_us());
  tell();
  over_ = true;
}

void Burst::fail(const std::string& error) {
  attention_.check();
  const MaskedText text = masked(error);
  state_.fail(text.text, ipc::file_time(ipc::now_us()));
  if (auto saved = save_to_driver(); !saved) log_line(masked(saved.error().message()).text);
  record_failure(text);
  end("failed");
}

std::vector<std::string> Burst::secrets() const {
  std::vector<std::string> others = capabilities_.secrets();
  others.insert(others.end(), driver_.expanded.begin(), driver_.expanded.end());
  auto all = sensitive_texts(workflow_, state_, others);
  all.insert(all.end(), loaded_secrets_.begin(), loaded_secrets_.end());
  return all;
}

// The state shows the contents of artifacts only for as long as a step reads them.
void Burst::keep_loaded_secrets() {
  if (!artifacts_.any()) return;
  auto shown = sensitive_texts(workflow_, state_);
  loaded_secrets_.insert(shown.begin(), shown.end());
  output_.learn();
}

MaskedText Burst::masked(const std::string& text) const {
  std::string shown = mask(text, secrets());
  // Also what was replaced before a repr() was made of it.
  const bool redacted = shown.find(kRedacted) != std::string::npos;
  return {cut_text(std::move(shown)), redacted};
}

void Burst::clear_up() {
  capabilities_.tear_down();
  end_tree(attention_, reaper_, {}, {});
  output_.finish();
}

}  // namespace charter::worker
