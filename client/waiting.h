// What a paused run waits for, in the words of its pending event or of its state file.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/event_view.h"
#include "client/fields.h"

namespace charter::client {

struct Option {
  std::string value;
  std::string label;
  bool recommended = false;
};

struct Question {
  std::string id;
  std::string kind;  // text, select, multi_select
  std::string prompt;
  bool optional = false;
  bool allow_other = false;  // multi_select: values beside the options
  std::vector<Option> options;
};

struct Waiting {
  bool form = false;  // else a gate
  std::string step;
  std::string show;
  std::string message;
  std::vector<Question> questions;  // of a form
};

// Nothing when the event is no pending one.
[[nodiscard]] std::optional<Waiting> waiting_of(const EventView& event);
// The same from a paused run's state file: from the step of its snapshot, texts not filled in.
[[nodiscard]] std::optional<Waiting> waiting_in(const Fields& state);

// "Run r waits at gate 'g'. Answer it with: charter-daemon …", in one line.
[[nodiscard]] std::string how_to_answer(const std::string& run, const Waiting& waiting);

}  // namespace charter::client
