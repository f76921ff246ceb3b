#include "worker/steps/gate.h"

#include "worker/json/python.h"
#include "worker/steps/template.h"

namespace charter::worker {
namespace {

ipc::Result<std::string> template_of(const Value& value) {
  if (!truthy(value)) return std::string();
  if (value.is_string()) return value.as_string();
  return ipc::plain_error("expected string or bytes-like object, got '" +
                          std::string(type_name(value)) + "'");
}

}  // namespace

ipc::Result<EventDraft> pending_event(const Step& step, RunState& state,
                                      const Artifacts& artifacts) {
  LoadedArtifacts loaded(artifacts, state);
  if (auto done = loaded.load(names_in_texts(step)); !done) return done.error();
  const auto show = template_of(step.show);
  if (!show) return show.error();
  const auto message = template_of(step.message);
  if (!message) return message.error();
  const auto shown = fill_template(*show, state);
  const auto said = shown ? fill_template(*message, state) : shown;
  if (!said) {
    return ipc::plain_error((step.type == StepType::gate ? "Gate '" : "Input step '") +
                            step.id_text() + "' template error: " + said.error().what);
  }
  return step.type == StepType::gate ? gate_pending(step, *shown, *said)
                                     : input_pending(step, *shown, *said);
}

}  // namespace charter::worker
