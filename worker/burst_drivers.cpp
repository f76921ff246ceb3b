// What a burst does where the project has a storage driver, in the order of the toolchain's runner:
//
//   the run begins     (integrations), save
//   a step begins      save, StepStart
//   it has finished    (artifacts are written), save, StepComplete
//   it has failed      save, StepFailed, save, RunFailed
//   a pause            (artifacts are loaded), save, the pending event
//   a decision         load, (integrations), load, save, GateDecision
//   an answer          load in mode `prepare`, (integrations), load, save, StepComplete
//   the end            save, RunComplete
#include <algorithm>
#include <utility>

#include "ipc/journal.h"
#include "worker/burst.h"
#include "worker/endings.h"
#include "worker/json/python.h"
#include "worker/steps/inputs.h"
#include "worker/steps/state_group.h"

namespace charter::worker {
namespace {

ipc::Error missing(const std::string& what, const std::string& store) {
  return ipc::plain_error("Workflow declares " + what + " and requires " + store +
                          " for lifecycle operations (start(), resume(), and submit_input()).");
}

ipc::Result<RunState> read(ipc::Result<std::string> text) {
  if (!text) return text.error();
  return RunState::parse(std::move(*text));
}

}  // namespace

// The driver's stores, if the project has one; false when the run has failed for it.
bool Burst::find_drivers() {
  if (std::exchange(drivers_known_, true)) return true;
  if (Fault fault = configured_driver(layout_.root(), driver_)) {
    fail(fault->text);
    return false;
  }
  if (driver_.is_file()) return true;
  const auto host = capabilities_.interpreter(
      state_, environment_,
      [this](const std::string& uses, pid_t pid) { process_begun(uses, pid); });
  attention_.check();
  if (!host) {
    fail(host.error().message());
    return false;
  }
  PythonHost& interpreter = **host;
  Drivers drivers(
      [this, &interpreter](std::string_view method, const std::string& params,
                           std::int64_t deadline_ms) {
        return ask_driver(interpreter, method, params, deadline_ms);
      },
      worker_id_);
  if (auto bound = drivers.bind(driver_); !bound) {
    fail(bound.error().message());
    return false;
  }
  drivers_.emplace(std::move(drivers));
  artifacts_.use(&*drivers_);
  recorder_.use(&*drivers_);
  return true;
}

ipc::Result<Object> Burst::ask_driver(PythonHost& host, std::string_view method,
                                      const std::string& params, std::int64_t deadline_ms) {
  auto answer = method == "storage" ? host.bind(driver_.name, params)
                                    : host.ask_stores(method, params, deadline_ms);
  attention_.check();
  driver_late_ = !answer && host.late();
  if (driver_late_) host.cancel();
  return answer;
}

// The stores a driver may lack.
ipc::Result<void> Burst::need_stores() const {
  if (!drivers_) return {};
  if (!drivers_->has_artifacts() && artifacts_.any()) {
    return missing("artifact outputs", "artifact_store");
  }
  const bool keys = std::any_of(workflow_.steps.begin(), workflow_.steps.end(),
                                [](const Step& step) { return step.type == StepType::state; });
  if (!drivers_->has_keys() && keys) return missing("state steps", "kv_store");
  return {};
}

ipc::Result<void> Burst::save_to_driver() {
  return drivers_ ? drivers_->save(state_.render()) : ipc::Result<void>();
}

// False when the run has failed because the driver did not take its state.
bool Burst::keep_state() {
  const auto saved = save_to_driver();
  if (!saved) fail(saved.error().message());
  return static_cast<bool>(saved);
}

// What was recorded becomes known at once, since the next call may take its time. False when the
// run has failed because the event store did not take an event.
bool Burst::accepted() {
  if (!drivers_) return true;
  if (const auto fault = recorder_.take_fault()) {
    fail(*fault);
    return false;
  }
  tell();
  return true;
}

// A run's end is told even where the event store takes nothing any more.
void Burst::record_failure(const MaskedText& text) {
  recorder_.add(run_failed(text), ipc::now_us());
  auto fault = recorder_.take_fault();
  if (!fault) return;
  recorder_.add(run_failed(masked(*fault)), ipc::now_us());
  fault = recorder_.take_fault();
  if (!fault) return;
  recorder_.use(nullptr);
  recorder_.add(run_failed(masked(*fault)), ipc::now_us());
}

// What a burst of the same decision left that died before its first step.
bool Burst::half_begun(const RunState& other) const {
  if (other.status() != "running" || !(other.current_step() == state_.current_step())) return false;
  const std::size_t before = state_.gate_history().size() + state_.steps_done();
  return other.gate_history().size() + other.steps_done() == before + 1;
}

// Whether the run that we know to be paused is so in the driver, too. If it is not, or the driver
// does not say, a decision has no effect.
bool Burst::waits_in_driver() {
  if (!drivers_) return true;
  const auto found = read(drivers_->load(state_.run_id()));
  if (!found) {
    log_line("a decision has no effect: " + masked(found.error().message()).text);
    return false;
  }
  return found->status() == "paused" || half_begun(*found);
}

// The state after a pause is what the driver holds.
bool Burst::take_from_driver() {
  if (!drivers_) return true;
  auto found = read(drivers_->load(state_.run_id()));
  if (found && half_begun(*found)) return true;
  if (found && found->status() != "paused") {
    found = ipc::plain_error("Run '" + state_.run_id() + "' is not paused (status: '" +
                             found->status() + "')");
  }
  if (!found) {
    fail(found.error().message());
    return false;
  }
  std::string held = found->render();
  if (held == state_.render()) return true;
  const auto snapshot = found->snapshot();
  auto workflow =
      snapshot ? workflow_from_snapshot(*snapshot) : ipc::Result<Workflow>(snapshot.error());
  if (!workflow) {
    fail(workflow.error().what);
    return false;
  }
  state_ = std::move(*found);
  workflow_ = std::move(*workflow);
  artifacts_ = Artifacts({layout_.artifacts_dir(state_.run_id()), state_.run_id()}, workflow_);
  artifacts_.use(&*drivers_);
  recorder_.open_again(std::move(held), ipc::now_us());
  file_.changed();
  return true;
}

// The state is saved before the step is told of.
bool Burst::begins(const Step& step) {
  const std::int64_t now = ipc::now_us();
  if (drivers_) {
    state_.enter_step(step.id, ipc::file_time(now));
    if (!keep_state()) return false;
  }
  begin_step(step, now);
  return accepted();
}

// The step's time goes on while what its inputs name is loaded.
ipc::Result<void> Burst::load_for(const Step& step, LoadedArtifacts& loaded,
                                  std::int64_t deadline_ms) {
  if (drivers_) drivers_->set_deadline(deadline_ms);
  driver_late_ = false;
  auto done = loaded.load(names_in_inputs(step));
  keep_loaded_secrets();
  if (drivers_) drivers_->set_deadline(kNever);
  if (done || !driver_late_) return done;
  return ipc::plain_error("Step '" + step.id_text() + "' exceeded timeout limit of " +
                          step.timeout->label);
}

ipc::Result<Object> Burst::attempt_state(const Step& step) {
  recorder_.add_frame(ipc::Intent{step.id_text(), 1, "state"}, ipc::now_us());
  LoadedArtifacts loaded(artifacts_, state_);
  if (step.action == "get") {
    make_begun_durable();
    auto stored = drivers_->key(Value(step.key));
    if (!stored) return stored.error();
    return outputs_of_get(step, *stored ? std::move(**stored) : step.fallback);
  }
  if (auto done = loaded.load(names_in_inputs(step)); !done) return done.error();
  const auto inputs = resolve_inputs(step, state_);
  if (!inputs) return inputs.error();
  const auto value = std::find_if(inputs->begin(), inputs->end(), [](const ResolvedInput& input) {
    return *input.name == "value";
  });
  if (value == inputs->end()) return ipc::plain_error("'value'");
  make_begun_durable();
  if (auto done = drivers_->set_key(Value(step.key), *value->value); !done) return done.error();
  return outputs_of_set(step);
}

}  // namespace charter::worker
