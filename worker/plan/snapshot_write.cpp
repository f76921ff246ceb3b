// A definition as it is stored: keys in the format's order.
#include "worker/plan/workflow.h"

namespace charter::worker {
namespace {

Value text_or_null(const std::optional<std::string>& text) { return text ? Value(*text) : Value(); }

Value snapshot_of_outputs(const Step& step) {
  Object outputs;
  if (step.type == StepType::input) {
    for (const auto& [name, question] : step.question_outputs) outputs.set(name, Value(question));
    return Value(std::move(outputs));
  }
  for (const StepOutput& output : step.outputs) {
    Object declared;
    declared.set("type", Value(output.type));
    const bool rich = output.type == "artifact" && output.artifact;
    if (rich && !output.artifact->name.is_null()) declared.set("name", output.artifact->name);
    if (rich && !output.artifact->content_type.is_null()) {
      declared.set("content_type", output.artifact->content_type);
    }
    if (output.sensitive) declared.set("sensitive", Value(true));
    outputs.set(output.name,
                rich || output.sensitive ? Value(std::move(declared)) : Value(output.type));
  }
  return Value(std::move(outputs));
}

Value snapshot_of_inputs(const Step& step) {
  Object inputs;
  for (const StepInput& input : step.inputs) {
    if (input.kind == InputKind::automatic && !input.sensitive) {
      inputs.set(input.name, input.source);
      continue;
    }
    Object declared;
    declared.set(input.kind == InputKind::value ? "value" : "from", input.source);
    if (input.sensitive) declared.set("sensitive", Value(true));
    inputs.set(input.name, Value(std::move(declared)));
  }
  return Value(std::move(inputs));
}

Value snapshot_of_questions(const Step& step) {
  Array questions;
  for (const Question& question : step.questions) {
    Array options;
    for (const Option& option : question.options) {
      Object written;
      written.set("value", Value(option.value));
      written.set("label", Value(option.label));
      written.set("recommended", Value(option.recommended));
      options.emplace_back(std::move(written));
    }
    Object written;
    written.set("id", Value(question.id));
    written.set("kind", Value(question.kind));
    written.set("prompt", Value(question.prompt));
    written.set("optional", Value(question.optional));
    written.set("options", Value(std::move(options)));
    written.set("allow_other", Value(question.allow_other));
    questions.emplace_back(std::move(written));
  }
  return Value(std::move(questions));
}

Value snapshot_of_retry(const Step& step) {
  if (!step.retry) return {};
  Object retry;
  retry.set("attempts", Value::integer(step.retry->attempts));
  retry.set("delay_seconds", step.retry->delay_seconds);
  return Value(std::move(retry));
}

Value snapshot_of_step(const Step& step) {
  Object written;
  written.set("id", step.id);
  written.set("type", Value(name_of(step.type)));
  written.set("uses", text_or_null(step.uses));
  written.set("with", Value(step.with));
  written.set("outputs", snapshot_of_outputs(step));
  written.set("inputs", snapshot_of_inputs(step));
  written.set("run", step.run);
  written.set("shell", step.shell);
  written.set("show", step.show);
  written.set("message", step.message);
  written.set("retry", snapshot_of_retry(step));
  written.set("timeout", step.timeout ? Value(step.timeout->label) : Value());
  if (step.type == StepType::state) {
    written.set("action", Value(step.action));
    written.set("key", Value(step.key));
    written.set("default", step.fallback);
  }
  if (step.type == StepType::exporting) {
    written.set("input", Value(step.export_input));
    written.set("path", Value(step.export_path));
    written.set("content_type", text_or_null(step.export_content_type));
  }
  if (step.type == StepType::input) written.set("questions", snapshot_of_questions(step));
  return Value(std::move(written));
}

}  // namespace

Value snapshot_of(const Workflow& workflow) {
  Object bindings;
  for (const Binding& binding : workflow.bindings) {
    Object written;
    written.set("uses", binding.uses);
    written.set("description", binding.description);
    written.set("with", binding.with);
    bindings.set(binding.id, Value(std::move(written)));
  }
  Array steps;
  steps.reserve(workflow.steps.size());
  for (const Step& step : workflow.steps) steps.push_back(snapshot_of_step(step));
  Object snapshot;
  snapshot.set("workflow", workflow.workflow);
  snapshot.set("bindings", Value(std::move(bindings)));
  snapshot.set("steps", Value(std::move(steps)));
  return Value(std::move(snapshot));
}

}  // namespace charter::worker
