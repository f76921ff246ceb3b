// How the steps of one run stand, from its events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/event_view.h"
#include "client/fields.h"
#include "client/table.h"

namespace charter::client {

struct StepView {
  std::string id;
  std::string type;  // shell, gate, …; empty when the plan is not known
  // pending, running, retrying (between two attempts), waiting (for an answer), completed, skipped,
  // failed, cancelled, unreached (the run is over)
  std::string state = "pending";
  std::optional<std::int64_t> attempts;      // begun; not known of runs that only a file tells of
  std::optional<std::int64_t> max_attempts;  // known once one has failed
  std::string started_at;                    // as the wire has it; empty: not begun, or not known
  std::optional<std::int64_t> retry_at_ms;   // when the next attempt begins, while retrying
  std::optional<std::int64_t> duration_ms;   // of a gate or form: for how long it waited
  std::string error;
  std::string outputs;  // a JSON object as the event had it, or empty
};

class StepList {
 public:
  // Lists the plan's steps, of which events need not tell yet; `state` is the run's state file.
  void plan(const Fields& state);
  // The whole list from a state file alone: of the steps before the current one it only tells that
  // they are over.
  [[nodiscard]] static StepList from_state(const Fields& state);
  // Events in order, each once.
  void take(const EventView& event);
  // No event tells that the next attempt has begun; the wall clock does.
  void pass_time(std::int64_t now_ms);

  [[nodiscard]] const std::vector<StepView>& steps() const { return steps_; }
  // Whether the plan is known, and with it how many steps there are.
  [[nodiscard]] bool planned() const { return planned_; }
  // The step that events last told of, while the run is not over; null before the first and then.
  [[nodiscard]] const StepView* current() const;

 private:
  StepView& step(const std::string& id);
  void begin(StepView& step, const EventView& event);
  void end(StepView& step, const EventView& event, std::string_view state);
  void end_all();

  std::vector<StepView> steps_;
  std::optional<std::size_t> current_;
  bool planned_ = false;
};

// The array of docs/CLIENT.md, "steps".
[[nodiscard]] std::string steps_json(const StepList& list);
// A table; `now_ms` is the wall clock's, for what is under way.
[[nodiscard]] std::string steps_text(const StepList& list, const Screen& screen,
                                     std::int64_t now_ms);

// For how long a step has been under way or waiting, or took; nothing when it has not begun.
[[nodiscard]] std::optional<std::int64_t> elapsed_ms(const StepView& step, std::int64_t now_ms);
// "2 of 3", "1"; empty when none has begun.
[[nodiscard]] std::string attempts_text(const StepView& step);
[[nodiscard]] Tone tone_of_step(std::string_view state);

}  // namespace charter::client
