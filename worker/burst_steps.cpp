#include <algorithm>
#include <cmath>
#include <span>
#include <utility>

#include "ipc/journal.h"
#include "ipc/peer.h"
#include "worker/burst.h"
#include "worker/clock.h"
#include "worker/endings.h"
#include "worker/step_tree.h"
#include "worker/steps/exporting.h"
#include "worker/steps/outputs.h"
#include "worker/steps/state_group.h"
#include "worker/stores/blobs.h"

namespace charter::worker {
namespace {

std::int64_t deadline_of(const Step& step) {
  constexpr std::int64_t kMostSeconds = std::int64_t{1} << 40;
  if (!step.timeout) return kNever;
  return ipc::boot_ms() + std::min<std::int64_t>(step.timeout->seconds, kMostSeconds) * 1000;
}

// The moment a retry is due.
std::int64_t after(const Value& delay_seconds) {
  constexpr double kMostMs = 1e15;
  const double seconds = delay_seconds.kind() == Value::Kind::real
                             ? delay_seconds.as_real()
                             : static_cast<double>(delay_seconds.small_integer().value_or(0));
  if (!(seconds > 0)) return 0;
  return ipc::boot_ms() + static_cast<std::int64_t>(std::min(std::ceil(seconds * 1000), kMostMs));
}

}  // namespace

void Burst::begin_step(const Step& step, std::int64_t at_us) {
  state_.enter_step(step.id, ipc::file_time(at_us));
  file_.changed();
  recorder_.add(step_start(step), at_us);
}

ipc::Result<void> Burst::finish_step(const Step& step, const Object& outputs,
                                     std::int64_t duration_ms, std::int64_t at_us) {
  auto checkpoint = make_checkpoint(layout_.blobs_dir(state_.run_id()), recorder_.next_seq(),
                                    step.id_key(), dump(Value(outputs)));
  if (!checkpoint) return checkpoint.error();
  file_.changed();
  recorder_.add(step_complete(step, outputs, duration_ms), at_us);
  recorder_.add_frame(std::move(*checkpoint), at_us);
  return {};
}

void Burst::fail_step(const Step& step, const std::string& error, std::int64_t duration_ms) {
  attention_.check();
  const MaskedText text = masked(error);
  const std::int64_t now = ipc::now_us();
  state_.fail(text.text, ipc::file_time(now));
  if (auto saved = save_to_driver(); !saved) log_line(masked(saved.error().message()).text);
  recorder_.add(step_failed(step.id, duration_ms, text), now);
  if (!accepted()) return;
  if (auto saved = save_to_driver(); !saved) log_line(masked(saved.error().message()).text);
  record_failure(text);
  end("failed");
}

// How many steps have been done; 0 when one of them has failed, and with it the run.
std::size_t Burst::run_states(std::size_t first) {
  const auto rest = std::span<const Step>(workflow_.steps).subspan(first);
  tell();  // the group may have to wait for another run
  attention_.check();
  if (!store_) {
    store_.emplace(layout_.kv_file(), layout_.kv_lock(),
                   Spares(spares_directory(layout_), state_.run_id()), attention_);
  }
  const std::size_t done_before = state_.steps_done();
  const auto group = rest.first(state_group_size(rest, state_));
  const auto results = run_state_group(group, state_, *store_, artifacts_);
  for (std::size_t at = 0; at < results.size(); ++at) {
    const StateStepResult& result = results[at];
    begin_step(*result.step, result.begun_us);
    recorder_.add_frame(ipc::Intent{result.step->id_text(), 1, "state"}, result.begun_us);
    std::optional<std::string> error = result.error;
    if (!error) {
      auto recorded =
          finish_step(*result.step, result.outputs, result.duration_ms, result.ended_us);
      if (!recorded) error = recorded.error().message();
    }
    if (error) {
      state_.keep_outputs(done_before + at);
      fail_step(*result.step, *error, result.duration_ms);
      return 0;
    }
  }
  tell();
  return results.size();
}

bool Burst::run_step(const Step& step) {
  const Stopwatch watch;
  if (!begins(step)) return false;
  auto outputs = attempt_all(step);
  if (over_) return false;
  if (outputs) outputs = check_outputs(step, *outputs, artifacts_.store());
  if (!outputs) {
    fail_step(step, outputs.error().message(), watch.elapsed_ms());
    return false;
  }
  const std::int64_t now = ipc::now_us();
  state_.add_outputs(step.id_key(), std::move(*outputs), ipc::file_time(now));
  auto done = save_to_driver();
  if (done) {
    done = finish_step(step, *state_.outputs_of(step.id_key()), watch.elapsed_ms(), now);
  }
  if (!done) {
    state_.keep_outputs(state_.steps_done() - 1);
    fail_step(step, done.error().message(), watch.elapsed_ms());
    return false;
  }
  return accepted();
}

ipc::Result<Object> Burst::attempt_all(const Step& step) {
  const long long attempts = step.retry ? step.retry->attempts : 1;
  for (long long number = 1;; ++number) {
    groups_.mark();
    output_.enter(step, number);
    auto outputs = attempt(step, number);
    output_.leave();
    if (!outputs) {
      outputs = ipc::plain_error(
          groups_.explained(outputs.error().message(), "step '" + step.id_text() + "'"));
    }
    if (outputs || number >= attempts) return outputs;
    if (!retry_later(step, number, outputs.error().message())) return outputs;
  }
}

ipc::Result<Object> Burst::attempt(const Step& step, long long number) {
  if (step.type == StepType::exporting) return attempt_export(step);
  if (step.type == StepType::state) return attempt_state(step);
  if (step.type == StepType::integration) return attempt_integration(step, number);
  return attempt_shell(step, number);
}

// A process that cannot be talked to any more is gone, and what it left is ended here.
ipc::Result<Object> Burst::attempt_integration(const Step& step, long long number) {
  const auto count = static_cast<std::uint32_t>(number);
  const std::int64_t deadline = deadline_of(step);
  recorder_.add_frame(ipc::Intent{step.id_text(), count, "step"}, ipc::now_us());
  LoadedArtifacts loaded(artifacts_, state_);
  if (auto done = load_for(step, loaded, deadline); !done) return done.error();
  const auto inputs = resolve_inputs(step, state_);
  if (!inputs) return inputs.error();
  Integration& integration = *capabilities_.find(*step.uses);
  const std::string params = execute_params(step, state_, *inputs, integration.style());
  make_begun_durable();
  auto value = integration.execute(params, deadline);
  attention_.check();
  if (value) return map_integration_outputs(step, std::move(*value));
  if (integration.lost()) {
    const std::string mark = capability_mark(state_.run_id(), integration.name());
    end_tree(attention_, reaper_, others_than(mark), {});
  }
  if (!integration.late()) return value.error();
  return ipc::plain_error("Step '" + step.id_text() + "' exceeded timeout limit of " +
                          step.timeout->label);
}

// Leaves alone the capabilities, and what belongs to steps before, which have succeeded and may
// keep their processes.
ProcessTree::Spare Burst::others_than(const std::string& mark) const {
  return [this, mark](pid_t pid) {
    if (capabilities_.own(pid)) return true;
    const std::string other = step_mark_of(pid);
    return !other.empty() && other != mark;
  };
}

ipc::Result<Object> Burst::attempt_export(const Step& step) {
  recorder_.add_frame(ipc::Intent{step.id_text(), 1, "export"}, ipc::now_us());
  LoadedArtifacts loaded(artifacts_, state_);
  // The toolchain loads all of them, which a driver of the project's may notice.
  const Names names = drivers_ ? artifacts_.names() : Names{step.export_input};
  if (auto done = loaded.load(names); !done) return done.error();
  make_begun_durable();
  return export_output(step, state_, layout_.root());
}

// A failed attempt's processes are ended before anything else happens.
ipc::Result<Object> Burst::attempt_shell(const Step& step, long long number) {
  const std::string mark = state_.run_id() + ":" + step.id_text() + ":" + std::to_string(number);
  const std::int64_t deadline = deadline_of(step);
  ShellAttempt shell(step, attention_, reaper_, output_, limits_.output_bytes);
  auto begun = begin_attempt(step, mark, number, shell, deadline);
  if (!begun) return begun.error();
  auto outputs = shell.finish(deadline);
  if (!outputs) end_tree(attention_, reaper_, others_than(mark), shell.pipes());
  return outputs;
}

// One sync for what was begun and all that came before it.
void Burst::make_begun_durable() {
  must(recorder_.flush());
  must(recorder_.sync());
  recorder_.ring();
  attention_.check();
}

// The intent is durable before there is a process. What fails before that needs no sync.
ipc::Result<void> Burst::begin_attempt(const Step& step, const std::string& mark, long long number,
                                       ShellAttempt& shell, std::int64_t deadline_ms) {
  const auto count = static_cast<std::uint32_t>(number);
  recorder_.add_frame(ipc::Intent{step.id_text(), count, "shell"}, ipc::now_us());
  LoadedArtifacts loaded(artifacts_, state_);
  if (auto done = load_for(step, loaded, deadline_ms); !done) return done;
  const auto inputs = resolve_inputs(step, state_);
  if (!inputs) return inputs.error();
  auto environment = environment_.for_step(mark, *inputs);
  if (!environment) return environment.error();
  if (auto prepared = shell.prepare(std::move(*environment)); !prepared) return prepared;
  make_begun_durable();
  const auto pid = shell.begin();
  if (!pid) return pid.error();
  recorder_.add_frame(
      ipc::StepProcess{step.id_text(), count, *pid, ipc::start_time(*pid).value_or(0)},
      ipc::now_us());
  must(recorder_.flush());
  return {};
}

bool Burst::retry_later(const Step& step, long long failed, const std::string& error) {
  recorder_.add(step_retry(step, failed, masked(error)), ipc::now_us());
  if (!accepted()) return false;
  tell();
  const std::int64_t due = after(step.retry->delay_seconds);
  while (ipc::boot_ms() < due) (void)attention_.wait({}, due);
  attention_.check();
  return true;
}

}  // namespace charter::worker
