#include "worker/events.h"

#include <utility>

#include "worker/json/python.h"

namespace charter::worker {
namespace {

std::string wire(std::string_view text) { return dump(Value(text), kWire); }

std::string wire_or_null(const std::optional<std::string>& text) {
  return text ? wire(*text) : "null";
}

// A text for people: a frame, and a gateway's message, hold only so much.
std::string wire_text(std::string_view text) { return wire(cut_text(std::string(text))); }

std::string wire_note(const std::optional<std::string>& note) {
  return note ? wire_text(*note) : "null";
}

// Builds one event's object, field by field.
class Draft {
 public:
  explicit Draft(std::string kind) { begin(std::move(kind)); }
  Draft(std::string kind, const Value& step_id) {
    begin(std::move(kind));
    event_.step_id = str(step_id);
    raw("step_id", dump(step_id, kWire));
  }

  Draft& raw(std::string_view name, std::string_view json) {
    event_.json += ",\"";
    event_.json += name;
    event_.json += "\":";
    event_.json += json;
    return *this;
  }
  Draft& text(std::string_view name, std::string_view value) { return raw(name, wire_text(value)); }
  Draft& number(std::string_view name, long long value) { return raw(name, std::to_string(value)); }
  Draft& masked(std::string_view name, const MaskedText& value) {
    event_.sensitive = event_.sensitive || value.redacted;
    return text(name, value.text);
  }
  Draft& audit(std::string_view name, const Audit& value) {
    event_.sensitive = event_.sensitive || value.redacted;
    return raw(name, value.json);
  }
  EventDraft finish() {
    event_.json += '}';
    return std::move(event_);
  }

 private:
  void begin(std::string kind) {
    event_.json = "{\"kind\":\"" + kind + "\"";
    event_.kind = std::move(kind);
  }
  EventDraft event_;
};

std::string questions_json(const Step& step) {
  Array questions;
  for (const Question& question : step.questions) {
    Array options;
    for (const Option& option : question.options) {
      Object one;
      one.set("value", Value(option.value));
      one.set("label", Value(option.label));
      one.set("recommended", Value(option.recommended));
      options.emplace_back(std::move(one));
    }
    Object one;
    one.set("id", Value(question.id));
    one.set("kind", Value(question.kind));
    one.set("prompt", Value(question.prompt));
    one.set("optional", Value(question.optional));
    one.set("options", Value(std::move(options)));
    one.set("allow_other", Value(question.allow_other));
    questions.emplace_back(std::move(one));
  }
  return dump(Value(std::move(questions)), kWire);
}

std::string question_outputs_json(const Step& step) {
  Object outputs;
  for (const auto& [output, question] : step.question_outputs) outputs.set(output, Value(question));
  return dump(Value(std::move(outputs)), kWire);
}

}  // namespace

EventDraft step_start(const Step& step) {
  return Draft("StepStartEvent", step.id)
      .raw("capability_id", step.type == StepType::integration ? wire_or_null(step.uses) : "null")
      .audit("inputs", audit_inputs(step))
      .text("status", "running")
      .finish();
}

EventDraft step_complete(const Step& step, const Object& outputs, std::int64_t duration_ms) {
  return Draft("StepCompleteEvent", step.id)
      .audit("outputs", audit_outputs(step, outputs))
      .number("duration_ms", duration_ms)
      .text("status", "success")
      .finish();
}

EventDraft step_skipped(const Step& step) {
  return Draft("StepSkippedEvent", step.id)
      .number("duration_ms", 0)
      .text("status", "skipped")
      .finish();
}

EventDraft step_failed(const Value& step_id, std::int64_t duration_ms, const MaskedText& error) {
  return Draft("StepFailedEvent", step_id)
      .number("duration_ms", duration_ms)
      .masked("error", error)
      .text("status", "failed")
      .finish();
}

EventDraft step_retry(const Step& step, long long attempt, const MaskedText& error) {
  return Draft("StepRetryEvent", step.id)
      .number("attempt", attempt)
      .number("max_attempts", step.retry->attempts)
      .masked("error", error)
      .raw("delay_seconds", dump(step.retry->delay_seconds, kWire))
      .finish();
}

EventDraft gate_pending(const Step& step, std::string_view show, std::string_view message) {
  return Draft("GatePendingEvent", step.id).text("show", show).text("message", message).finish();
}

EventDraft input_pending(const Step& step, std::string_view show, std::string_view message) {
  return Draft("InputPendingEvent", step.id)
      .text("show", show)
      .text("message", message)
      .raw("questions", questions_json(step))
      .raw("outputs", question_outputs_json(step))
      .finish();
}

EventDraft gate_decision(const Value& step_id, bool approved,
                         const std::optional<std::string>& note) {
  return Draft("GateDecisionEvent", step_id)
      .raw("approved", approved ? "true" : "false")
      .raw("note", wire_note(note))
      .finish();
}

EventDraft run_cancelled(const Value& step_id, const std::optional<std::string>& note) {
  return Draft("RunCancelledEvent", step_id).raw("note", wire_note(note)).finish();
}

EventDraft run_failed(const MaskedText& error) {
  return Draft("RunFailedEvent").masked("error", error).finish();
}

EventDraft run_complete() { return Draft("RunCompleteEvent").finish(); }

std::string_view terminal_status(std::string_view kind) {
  if (kind == "RunCompleteEvent") return "completed";
  if (kind == "RunFailedEvent") return "failed";
  if (kind == "RunCancelledEvent") return "cancelled";
  return {};
}

}  // namespace charter::worker
