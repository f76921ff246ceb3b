#include "client/step_list.h"

#include <algorithm>
#include <cstdlib>

#include "client/text.h"
#include "client/times.h"
#include "ipc/json_object.h"

namespace charter::client {
namespace {

// An id may be a number; it is shown as it stands.
std::string id_of(const Fields& holder, std::string_view key) {
  std::string id = holder.text(key);
  if (id.empty() && holder.number(key)) id = holder.raw(key);
  return id;
}

bool open(std::string_view state) {
  return state == "running" || state == "retrying" || state == "waiting";
}

// What a state file says of its current step.
std::string_view state_in(const std::string& status) {
  if (status == "paused") return "waiting";
  if (status == "pending") return "pending";
  return status;  // the same words: running, failed, cancelled
}

}  // namespace

void StepList::plan(const Fields& state) {
  std::vector<StepView> planned;
  for (const Fields& one : state.object("workflow_snapshot").objects("steps")) {
    const std::string id = id_of(one, "id");
    const auto known = std::ranges::find(steps_, id, &StepView::id);
    planned.push_back(known == steps_.end() ? StepView{} : *known);
    planned.back().id = id;
    planned.back().type = one.text("type");
    planned.back().attempts = planned.back().attempts.value_or(0);
  }
  if (planned.empty()) return;
  planned_ = true;
  const std::string current = current_ ? steps_[*current_].id : std::string();
  steps_ = std::move(planned);
  if (!current_) return;
  const auto at = std::ranges::find(steps_, current, &StepView::id);
  current_.reset();
  if (at != steps_.end()) current_ = static_cast<std::size_t>(at - steps_.begin());
}

StepList StepList::from_state(const Fields& state) {
  StepList list;
  list.plan(state);
  const std::string status = state.text("status");
  const std::string current = id_of(state, "current_step_id");
  const bool over = status == "failed" || status == "cancelled";
  bool before = status == "completed" || !current.empty();
  for (StepView& one : list.steps_) {
    one.attempts.reset();
    if (status != "completed" && one.id == current) {
      before = false;
      one.state = state_in(status);
      if (status == "failed") one.error = state.text("error");
    } else if (before) {
      one.state = "completed";
    } else if (over) {
      one.state = "unreached";
    }
  }
  return list;
}

const StepView* StepList::current() const { return current_ ? &steps_[*current_] : nullptr; }

StepView& StepList::step(const std::string& id) {
  auto at = std::ranges::find(steps_, id, &StepView::id);
  if (at == steps_.end()) {
    at = steps_.insert(steps_.end(), StepView{});
    at->id = id;
    at->attempts = 0;
  }
  current_ = static_cast<std::size_t>(at - steps_.begin());
  return *at;
}

// A step whose worker was lost begins a second time; that counts as one more attempt.
void StepList::begin(StepView& step, const EventView& event) {
  step.state = "running";
  step.attempts = step.attempts.value_or(0) + 1;
  if (step.started_at.empty()) step.started_at = event.occurred_at;
}

void StepList::end(StepView& step, const EventView& event, std::string_view state) {
  const auto began = read_wire_time(step.started_at);
  const auto ended = read_wire_time(event.occurred_at);
  step.state = state;
  step.duration_ms = event.event.number("duration_ms");
  if (!step.duration_ms && began && ended) {
    step.duration_ms = std::max<std::int64_t>(0, *ended - *began);
  }
}

void StepList::end_all() {
  for (StepView& one : steps_) {
    if (one.state == "pending") one.state = "unreached";
  }
  current_.reset();
}

void StepList::take(const EventView& event) {
  const std::string& kind = event.kind;
  if (kind == "RunCancelledEvent" && !event.step.empty()) {
    StepView& one = step(event.step);
    if (open(one.state)) end(one, event, "cancelled");
  }
  if (kind == "RunCancelledEvent" || kind == "RunFailedEvent" || kind == "RunCompleteEvent") {
    return end_all();
  }
  if (event.step.empty()) return;
  StepView& one = step(event.step);
  if (kind == "StepStartEvent") {
    begin(one, event);
  } else if (kind == "StepCompleteEvent") {
    end(one, event, "completed");
    if (!event.event.object("outputs").members().empty()) {
      one.outputs = event.event.raw("outputs");
    }
  } else if (kind == "StepSkippedEvent") {
    end(one, event, "skipped");
  } else if (kind == "StepFailedEvent") {
    end(one, event, "failed");
    one.error = event.event.text("error");
  } else if (kind == "StepRetryEvent") {
    one.state = "retrying";
    one.attempts = event.event.number("attempt").value_or(one.attempts.value_or(0)) + 1;
    one.max_attempts = event.event.number("max_attempts");
    const double delay =
        std::strtod(std::string(event.event.raw("delay_seconds")).c_str(), nullptr);
    const std::int64_t failed_at = read_wire_time(event.occurred_at).value_or(0);
    one.retry_at_ms = failed_at + static_cast<std::int64_t>(delay * 1000);
  } else if (kind == "GatePendingEvent" || kind == "InputPendingEvent") {
    if (one.started_at.empty()) one.started_at = event.occurred_at;
    one.attempts = std::max<std::int64_t>(1, one.attempts.value_or(0));
    one.state = "waiting";
  } else if (kind == "GateDecisionEvent") {
    const bool approved = event.event.truth("approved");
    end(one, event, approved ? "completed" : "cancelled");
  }
}

void StepList::pass_time(std::int64_t now_ms) {
  for (StepView& one : steps_) {
    if (one.state == "retrying" && one.retry_at_ms.value_or(0) <= now_ms) one.state = "running";
  }
}

std::string steps_json(const StepList& list) {
  ipc::JsonArray json;
  for (const StepView& one : list.steps()) {
    json.raw(ipc::JsonObject()
                 .text("step_id", one.id)
                 .text_or_null("type", one.type)
                 .text("state", one.state)
                 .number("attempts", one.attempts)
                 .number("max_attempts", one.max_attempts)
                 .text_or_null("started_at", one.started_at)
                 .number("duration_ms", one.duration_ms)
                 .text_or_null("error", one.error)
                 .str());
  }
  return json.str();
}

std::optional<std::int64_t> elapsed_ms(const StepView& step, std::int64_t now_ms) {
  if (!open(step.state)) return step.duration_ms;
  const auto began = read_wire_time(step.started_at);
  if (!began) return std::nullopt;
  return std::max<std::int64_t>(0, now_ms - *began);
}

std::string attempts_text(const StepView& step) {
  if (step.attempts.value_or(0) == 0) return {};
  std::string text = std::to_string(*step.attempts);
  if (step.max_attempts) text += " of " + std::to_string(*step.max_attempts);
  return text;
}

Tone tone_of_step(std::string_view state) {
  if (state == "completed") return Tone::good;
  if (state == "failed") return Tone::bad;
  if (state == "retrying" || state == "waiting" || state == "cancelled") return Tone::attention;
  return state == "running" ? Tone::plain : Tone::faint;
}

std::string steps_text(const StepList& list, const Screen& screen, std::int64_t now_ms) {
  Table table({{.title = "STEP", .elastic = true},
               {.title = "TYPE"},
               {.title = "STATE"},
               {.title = "ATTEMPTS", .right = true},
               {.title = "TOOK", .right = true},
               {.title = "ERROR", .elastic = true}});
  for (const StepView& one : list.steps()) {
    const auto took = elapsed_ms(one, now_ms);
    table.add({{one.id},
               {one.type, Tone::faint},
               {one.state, tone_of_step(one.state)},
               {attempts_text(one)},
               {took ? duration_text(*took) : std::string()},
               {one.error, Tone::bad}});
  }
  return table.empty() ? std::string() : table.render(screen);
}

}  // namespace charter::client
