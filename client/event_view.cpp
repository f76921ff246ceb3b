#include "client/event_view.h"

#include <algorithm>

#include "client/text.h"

namespace charter::client {
namespace {

constexpr std::size_t kStepColumns = 20;
constexpr std::size_t kSeqColumns = 5;
constexpr std::size_t kDayColumns = 11;  // of 2026-01-02 03:04:05
constexpr std::size_t kClockColumns = 8;
constexpr std::size_t kNarrow = 72;  // below this neither numbers nor days are shown

bool narrow(const Screen& screen) { return screen.width > 0 && screen.width < kNarrow; }

std::size_t step_columns(const Screen& screen) {
  return narrow(screen) ? std::min(kStepColumns, screen.width / 4) : kStepColumns;
}

std::string with(std::string_view head, std::string tail) {
  return tail.empty() ? std::string(head) : std::string(head) + ": " + std::move(tail);
}

std::string took(const Fields& event) {
  return duration_text(event.number("duration_ms").value_or(0));
}

std::string describe_retry(const Fields& event) {
  return "attempt " + std::string(event.raw("attempt")) + " of " +
         std::string(event.raw("max_attempts")) + " failed, again in " +
         std::string(event.raw("delay_seconds")) + " s: " + event.text("error");
}

Tone tone_of(std::string_view kind) {
  if (kind == "RunCompleteEvent") return Tone::good;
  if (kind == "StepFailedEvent" || kind == "RunFailedEvent") return Tone::bad;
  if (kind == "GatePendingEvent" || kind == "InputPendingEvent" || kind == "RunCancelledEvent" ||
      kind == "StepRetryEvent") {
    return Tone::attention;
  }
  return Tone::plain;
}

std::string padded(std::string text, std::size_t columns) {
  text.append(columns - std::min(columns, columns_of(text)), ' ');
  return text;
}

}  // namespace

ipc::Result<EventView> view_event(std::string_view message) {
  auto fields = Fields::read(message);
  if (!fields) return fields.error();
  EventView view;
  view.message = message;
  view.seq = fields->number("seq").value_or(0);
  view.occurred_at = fields->text("occurred_at");
  view.event = fields->object("event");
  view.kind = view.event.text("kind");
  view.step = view.event.text("step_id");
  // A step's id may be a number; it is shown as it stands.
  if (view.step.empty() && view.event.number("step_id")) view.step = view.event.raw("step_id");
  return view;
}

std::string describe(const EventView& view) {
  const Fields& event = view.event;
  const std::string_view kind = view.kind;
  if (kind == "StepStartEvent") return "started";
  if (kind == "StepCompleteEvent") return "done in " + took(event);
  if (kind == "StepSkippedEvent") return "skipped";
  if (kind == "StepFailedEvent") return with("failed after " + took(event), event.text("error"));
  if (kind == "StepRetryEvent") return describe_retry(event);
  if (kind == "GatePendingEvent") return with("waits for approval", event.text("message"));
  if (kind == "InputPendingEvent") return with("waits for input", event.text("message"));
  if (kind == "GateDecisionEvent") {
    return with(event.truth("approved") ? "approved" : "denied", event.text("note"));
  }
  if (kind == "RunCompleteEvent") return "run completed";
  if (kind == "RunFailedEvent") return with("run failed", event.text("error"));
  if (kind == "RunCancelledEvent") return with("run cancelled", event.text("note"));
  return std::string(kind);
}

std::string short_time(std::string_view wire_time) {
  if (wire_time.size() < 19 || wire_time[10] != 'T') return printable(wire_time);
  std::string text(wire_time.substr(0, 19));
  text[10] = ' ';
  return printable(text);
}

std::string event_heading(const Screen& screen) {
  std::string text;
  if (narrow(screen)) {
    text = padded("TIME", kClockColumns + 2) + padded("STEP", step_columns(screen) + 2) + "EVENT";
  } else {
    text = padded("  SEQ", kSeqColumns + 2) + padded("TIME (UTC)", 21) +
           padded("STEP", kStepColumns + 2) + "EVENT";
  }
  return toned(text, Tone::faint, screen) + "\n";
}

std::string event_line(const EventView& view, const Screen& screen) {
  const std::string seq = std::to_string(view.seq);
  const std::string time = short_time(view.occurred_at);
  std::string head;
  if (narrow(screen)) {
    head =
        padded(time.size() > kDayColumns ? time.substr(kDayColumns) : time, kClockColumns) + "  ";
  } else {
    head.assign(kSeqColumns - std::min(kSeqColumns, seq.size()), ' ');
    head += seq + "  " + padded(time, 19) + "  ";
  }
  std::string step = printable(view.step);
  if (screen.width > 0) step = cut(step, step_columns(screen));
  head += padded(std::move(step), step_columns(screen)) + "  ";
  std::string text = printable(describe(view));
  const std::size_t used = columns_of(head);
  if (screen.width > used) text = cut(text, screen.width - used);
  return head + toned(text, tone_of(view.kind), screen) + "\n";
}

std::string event_text(const EventView& event, bool json, const Screen& screen) {
  return json ? std::string(event.message) + "\n" : event_line(event, screen);
}

}  // namespace charter::client
