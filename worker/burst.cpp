#include "worker/burst.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "ipc/journal.h"
#include "ipc/peer.h"
#include "worker/endings.h"
#include "worker/json/python.h"
#include "worker/kill.h"
#include "worker/report.h"
#include "worker/step_tree.h"
#include "worker/steps/gate.h"
#include "worker/steps/masking.h"

namespace charter::worker {
namespace {

constexpr std::int64_t kCallAgainMs = 250;  // while the supervisor is away

// Why the plan cannot be executed from step `first` on; empty when it can.
std::string obstacle(const Workflow& workflow, std::size_t first) {
  for (std::size_t at = first; at < workflow.steps.size(); ++at) {
    const Step& step = workflow.steps[at];
    if (step.type == StepType::integration || step.type == StepType::exporting) {
      return "Step '" + step.id_text() + "': this version executes no steps of type '" +
             std::string(name_of(step.type)) + "'";
    }
  }
  return {};
}

}  // namespace

Burst::Burst(const ipc::Layout& layout, Attention& attention, Reaper& reaper, Recorder recorder,
             RunState state, Workflow workflow)
    : layout_(layout),
      attention_(attention),
      reaper_(reaper),
      recorder_(std::move(recorder)),
      state_(std::move(state)),
      workflow_(std::move(workflow)),
      file_(layout.state_file(state_.run_id()), spares_directory(layout), state_),
      environment_(layout, state_.run_id()) {
  attention_.set_chores(this);
}

Burst::~Burst() { attention_.set_chores(nullptr); }

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
  ::_exit(kExitJournal);
}

void Burst::tell() {
  must(recorder_.flush());
  recorder_.ring();
}

void Burst::start() {
  state_.set_status("running", ipc::file_time(ipc::now_us()));
  file_.changed();
  if (const std::string reason = obstacle(workflow_, 0); !reason.empty()) {
    fail(reason);
    return;
  }
  execute(0);
}

void Burst::decide(GateRecord decision, bool recorded) {
  const auto& steps = workflow_.steps;
  const auto gate = std::find_if(steps.begin(), steps.end(), [this](const Step& step) {
    return step.id == state_.current_step();
  });
  if (gate == steps.end() || gate->type != StepType::gate) {
    stay_paused();
    return;
  }
  const auto next = static_cast<std::size_t>(gate - steps.begin()) + 1;
  const std::string reason = decision.approved ? obstacle(workflow_, next) : std::string();
  if (!reason.empty()) {
    fail(reason);
    return;
  }
  decision.step_id = gate->id;
  if (!recorded) {
    const std::int64_t now = ipc::now_us();
    decision.decided_at = ipc::file_time(now);
    recorder_.add(gate_decision(gate->id, decision.approved, decision.note), now);
  }
  state_.decide(decision);
  if (!decision.approved) {
    refuse(decision);
    return;
  }
  // The journal first: a burst that dies in between is begun again with the same decision.
  state_.set_status("running", decision.decided_at);
  tell();
  if (auto saved = file_.save(); !saved) {
    fail(saved.error().message());
    return;
  }
  execute(next);
}

void Burst::refuse(const GateRecord& decision) {
  attention_.check();
  const std::int64_t now = ipc::now_us();
  state_.set_status("cancelled", ipc::file_time(now));
  recorder_.add(run_cancelled(decision.step_id, decision.note), now);
  end("cancelled");
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
    if (state_.has_outputs(step.id_key())) {
      recorder_.add(step_skipped(step), ipc::now_us());
      ++at;
    } else if (step.type == StepType::state) {
      const std::size_t done = run_states(at);
      if (done == 0) return;
      at += done;
    } else if (step.type == StepType::shell) {
      if (!run_shell(step)) return;
      ++at;
    } else {
      pause_at(step);
      return;
    }
  }
  attention_.check();
  state_.set_status("completed", ipc::file_time(ipc::now_us()));
  recorder_.add(run_complete(), ipc::now_us());
  end("completed");
}

void Burst::pause_at(const Step& step) {
  const std::int64_t now = ipc::now_us();
  state_.enter_step(step.id, ipc::file_time(now));
  auto pending = pending_event(step, state_);
  if (!pending) {
    fail(pending.error().what);
    return;
  }
  attention_.check();
  state_.set_status("paused", ipc::file_time(now));
  auto pause = file_.save_for_pause();
  if (!pause) {
    fail(pause.error().message());
    return;
  }
  recorder_.add_pause(std::move(*pending), *pause, ipc::now_us());
  tell();
}

// Saved before it is told. A file that cannot be written does not keep a run from its end.
void Burst::end(const char* status) {
  if (auto saved = file_.save(); !saved) log_line(saved.error().message());
  ipc::Terminal terminal;
  terminal.status = status;
  recorder_.add_frame(std::move(terminal), ipc::now_us());
  tell();
}

void Burst::fail(const std::string& error) {
  attention_.check();
  const MaskedText masked = mask(error, workflow_, state_);
  state_.fail(masked.text, ipc::file_time(ipc::now_us()));
  recorder_.add(run_failed(masked), ipc::now_us());
  end("failed");
}

void Burst::clear_up() { end_tree(attention_, reaper_, {}, {}); }

}  // namespace charter::worker
