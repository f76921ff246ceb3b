#include <algorithm>

#include "ipc/journal.h"
#include "ipc/json_scan.h"

namespace charter::ipc {
namespace {

using Last = JournalSummary::Last;

// A member of an event's object; nothing when the event is not readable or has none.
std::optional<JsonMember> member_of(const Event& event, std::string_view name) {
  const auto members = scan_object(event.json, JsonLimits{});
  if (!members) return std::nullopt;
  const JsonMember* member = find(*members, name);
  return member == nullptr ? std::nullopt : std::optional<JsonMember>(*member);
}

std::string error_of(const Event& event) {
  const auto member = member_of(event, "error");
  return member ? json_string(member->raw).value_or("") : std::string();
}

// A gate's decision, as JSON.
std::string_view decision_of(const Event& event) {
  const auto member = member_of(event, "approved");
  return member ? member->raw : std::string_view();
}

struct Folder {
  JournalSummary& summary;

  // The first terminal frame wins: nothing behind it changes where the run is.
  void move_to(Last last) {
    if (summary.last != Last::terminal) summary.last = last;
  }
  void begin_step(const std::string& step) {
    summary.step_begun = true;
    summary.open_step = step;
    move_to(Last::step_open);
  }
  void end_step() {
    summary.step_begun = true;
    summary.open_step.clear();
    move_to(Last::checkpoint);
  }
  void set_status(const char* status) {
    if (!summary.terminal) summary.status = status;
  }
  void end_with(const char* status) {
    set_status(status);
    summary.over = true;
  }

  void operator()(const Opened& opened) {
    summary.bursts = std::max(summary.bursts, opened.burst);
    summary.opened = opened;
    summary.opened->state.clear();
    summary.opened->state.shrink_to_fit();
    if (summary.status.empty()) summary.status = "running";
    if (opened.cause == "project") return;  // finishes the burst before it, begins none
    summary.step_begun = false;
    summary.open_step.clear();
    summary.exit.reset();
    summary.processes.clear();
    move_to(Last::opened);
  }

  void operator()(const Event& event) {
    summary.next_seq = std::max(summary.next_seq, event.seq + 1);
    summary.pauses = std::max(summary.pauses, event.pause);
    const std::string& kind = event.kind;
    summary.over = false;
    if (kind == "StepStartEvent") {
      begin_step(event.step_id);
      set_status("running");
    } else if (kind == "StepCompleteEvent" || kind == "StepSkippedEvent") {
      end_step();
      set_status("running");
    } else if (kind == "StepFailedEvent") {
      end_step();
      set_status("running");
      summary.error = error_of(event);
      summary.over = true;
    } else if (kind == "GatePendingEvent" || kind == "InputPendingEvent") {
      set_status("paused");
    } else if (kind == "GateDecisionEvent") {
      summary.decided = true;
      const std::string_view approved = decision_of(event);
      if (approved == "true") set_status("running");
      summary.over = approved == "false";
    } else if (kind == "RunCompleteEvent") {
      end_with("completed");
    } else if (kind == "RunFailedEvent") {
      end_with("failed");
      summary.error = error_of(event);
    } else if (kind == "RunCancelledEvent") {
      end_with("cancelled");
    }
  }

  void operator()(const Intent& intent) { begin_step(intent.step_id); }
  void operator()(const StepProcess& process) { summary.processes.push_back(process); }
  void operator()(const Checkpoint& /*checkpoint*/) { end_step(); }

  void operator()(const Pause& pause) {
    summary.pause = pause;
    summary.pauses = std::max(summary.pauses, pause.number);
    summary.decided = false;
    summary.open_step.clear();
    move_to(Last::paused);
  }

  void operator()(const Exit& exit) { summary.exit = exit; }

  void operator()(const Terminal& terminal) {
    if (summary.terminal) return;
    if (!terminal.status.empty()) summary.status = terminal.status;
    summary.terminal = terminal;
    summary.last = Last::terminal;
  }
};

}  // namespace

void fold(JournalSummary& summary, const JournalFrame& frame, std::uint64_t end) {
  ++summary.frames;
  summary.end = end;
  std::visit(Folder{summary}, frame.body);
}

}  // namespace charter::ipc
