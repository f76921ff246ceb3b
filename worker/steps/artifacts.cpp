#include "worker/steps/artifacts.h"

#include "worker/steps/template.h"

namespace charter::worker {

Names names_in_inputs(const Step& step) {
  Names names;
  for (const StepInput& input : step.inputs) {
    if (input.kind == InputKind::value || !input.source.is_string()) continue;
    const std::string& source = input.source.as_string();
    names.insert(source.substr(0, source.find('.')));
  }
  return names;
}

Names names_in_texts(const Step& step) {
  Names names;
  for (const Value* text : {&step.show, &step.message}) {
    if (!text->is_string()) continue;
    for (std::string& name : template_names(text->as_string())) names.insert(std::move(name));
  }
  return names;
}

Artifacts::Artifacts(ArtifactStore store, const Workflow& workflow) : store_(std::move(store)) {
  for (const Step& step : workflow.steps) {
    for (const StepOutput& output : step.outputs) {
      if (output.type == "artifact") outputs_.emplace_back(step.id_key(), output.name);
    }
  }
}

Names Artifacts::names() const {
  Names names;
  for (const auto& [step, name] : outputs_) names.insert(name);
  return names;
}

ipc::Result<void> Artifacts::load(const Names& names, RunState& state) const {
  for (const auto& [step, name] : outputs_) {
    if (!names.contains(name)) continue;
    const Object* outputs = state.outputs_of(step);
    const Value* reference = outputs == nullptr ? nullptr : outputs->find(name);
    if (reference == nullptr) continue;
    auto payload = store_.load(*reference);
    if (!payload) return payload.error();
    state.show_contents(step, name, std::move(*payload));
  }
  return {};
}

}  // namespace charter::worker
