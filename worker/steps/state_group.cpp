#include "worker/steps/state_group.h"

#include <algorithm>
#include <utility>

#include "ipc/journal.h"
#include "worker/clock.h"
#include "worker/steps/inputs.h"
#include "worker/steps/outputs.h"

namespace charter::worker {
namespace {

constexpr std::size_t kMostSteps = 256;
constexpr std::size_t kMostGroupBytes = std::size_t{1} << 20;  // of outputs, roughly

ipc::Result<Object> get(const Step& step, KvStore& store) {
  const auto stored = store.get(step.key);
  if (!stored) return stored.error();
  return outputs_of_get(step, *stored == nullptr ? step.fallback : **stored);
}

ipc::Result<Object> set(const Step& step, RunState& state, KvStore& store,
                        const Artifacts& artifacts) {
  LoadedArtifacts loaded(artifacts, state);
  if (auto done = loaded.load(names_in_inputs(step)); !done) return done.error();
  const auto inputs = resolve_inputs(step, state);
  if (!inputs) return inputs.error();
  const auto value = std::find_if(inputs->begin(), inputs->end(), [](const ResolvedInput& input) {
    return *input.name == "value";
  });
  if (value == inputs->end()) return ipc::plain_error("'value'");
  if (auto done = store.set(step.key, *value->value); !done) return done.error();
  return outputs_of_set(step);
}

ipc::Result<Object> execute(const Step& step, RunState& state, KvStore& store,
                            const Artifacts& artifacts) {
  auto outputs = step.action == "get" ? get(step, store) : set(step, state, store, artifacts);
  if (!outputs) return outputs;
  return check_outputs(step, *outputs, artifacts.store());
}

// Nothing that was set is stored: back to before the first step that did.
void take_back(std::vector<StateStepResult>& results, RunState& state, std::size_t done_before,
               const std::string& error) {
  const auto first = std::find_if(results.begin(), results.end(), [](const StateStepResult& one) {
    return one.step->action == "set";
  });
  const auto kept = static_cast<std::size_t>(first - results.begin());
  state.keep_outputs(done_before + kept);
  results.resize(kept + 1);
  results.back().outputs = Object();
  results.back().error = error;
}

std::size_t rough_size(const Object& outputs) {
  std::size_t size = 0;
  for (const auto& [name, value] : outputs) {
    size +=
        name.size() + (value.is_string() ? value.as_string().size() : dump(value, kWire).size());
  }
  return size;
}

}  // namespace

ipc::Result<Object> outputs_of_get(const Step& step, Value value) {
  // As the reference's interpreter says it.
  if (step.outputs.empty()) return ipc::plain_error("coroutine raised StopIteration");
  Object outputs;
  outputs.set(step.outputs.front().name, std::move(value));
  return outputs;
}

Object outputs_of_set(const Step& step) {
  Object outputs;
  if (!step.outputs.empty()) outputs.set(step.outputs.front().name, Value("ok"));
  return outputs;
}

std::size_t state_group_size(std::span<const Step> steps, const RunState& state) {
  std::size_t size = 0;
  while (size < steps.size() && size < kMostSteps && steps[size].type == StepType::state &&
         !state.has_outputs(steps[size].id_key())) {
    ++size;
  }
  return size;
}

std::vector<StateStepResult> run_state_group(std::span<const Step> steps, RunState& state,
                                             KvStore& store, const Artifacts& artifacts) {
  std::vector<StateStepResult> results;
  const std::size_t done_before = state.steps_done();
  std::size_t bytes = 0;
  for (const Step& step : steps) {
    // A snapshot may hold one id twice; the second is skipped, by the engine.
    if (bytes > kMostGroupBytes || state.has_outputs(step.id_key())) break;
    StateStepResult& result = results.emplace_back();
    result.step = &step;
    result.begun_us = ipc::now_us();
    const Stopwatch watch;
    auto outputs = execute(step, state, store, artifacts);
    result.duration_ms = watch.elapsed_ms();
    result.ended_us = ipc::now_us();
    if (!outputs) {
      result.error = outputs.error().message();
      break;
    }
    bytes += rough_size(*outputs);
    result.outputs = *outputs;
    state.add_outputs(step.id_key(), std::move(*outputs), ipc::file_time(result.ended_us));
  }
  if (auto stored = store.commit(); !stored) {
    take_back(results, state, done_before, stored.error().message());
  }
  return results;
}

}  // namespace charter::worker
