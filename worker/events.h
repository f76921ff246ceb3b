// The events a run tells the gateway, as the reference's event stream has them: `kind` first, then
// the fields in this order. docs/PROTOCOL.md lists them.
//
//   StepStart      step_id, capability_id, inputs, status
//   StepComplete   step_id, outputs, duration_ms, status
//   StepSkipped    step_id, duration_ms, status
//   StepFailed     step_id, duration_ms, error, status
//   StepRetry      step_id, attempt, max_attempts, error, delay_seconds
//   GatePending    step_id, show, message
//   InputPending   step_id, show, message, questions, outputs
//   GateDecision   step_id, approved, note
//   RunCancelled   step_id, note
//   RunFailed      error
//   RunComplete
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "worker/json/value.h"
#include "worker/plan/workflow.h"
#include "worker/steps/audit.h"

namespace charter::worker {

// An event that has no number yet.
struct EventDraft {
  std::string kind;
  std::string step_id;  // empty for events of the run
  std::string json;
  bool sensitive = false;
};

// A text for people, in which sensitive values have been replaced. Events shorten those that are
// too long (steps/audit.h), as they do `show`, `message` and `note`.
struct MaskedText {
  std::string text;
  bool redacted = false;
};

[[nodiscard]] EventDraft step_start(const Step& step);
[[nodiscard]] EventDraft step_complete(const Step& step, const Object& outputs,
                                       std::int64_t duration_ms);
[[nodiscard]] EventDraft step_skipped(const Step& step);
[[nodiscard]] EventDraft step_failed(const Value& step_id, std::int64_t duration_ms,
                                     const MaskedText& error);
[[nodiscard]] EventDraft step_retry(const Step& step, long long attempt, const MaskedText& error);
[[nodiscard]] EventDraft gate_pending(const Step& step, std::string_view show,
                                      std::string_view message);
[[nodiscard]] EventDraft input_pending(const Step& step, std::string_view show,
                                       std::string_view message);
[[nodiscard]] EventDraft gate_decision(const Value& step_id, bool approved,
                                       const std::optional<std::string>& note);
// `step_id` is the open step's or the empty text.
[[nodiscard]] EventDraft run_cancelled(const Value& step_id,
                                       const std::optional<std::string>& note);
[[nodiscard]] EventDraft run_failed(const MaskedText& error);
[[nodiscard]] EventDraft run_complete();

// completed, failed or cancelled for the kind of an event that ends a run, else empty.
[[nodiscard]] std::string_view terminal_status(std::string_view kind);

}  // namespace charter::worker
