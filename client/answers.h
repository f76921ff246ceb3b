// Answers at a terminal: to a gate, and to every kind of question of a form.
#pragma once

#include <string>
#include <string_view>

#include "client/terminal.h"
#include "client/waiting.h"
#include "ipc/error.h"

namespace charter::client {

// What a typed line means for a question, as JSON. The error is the reason, for people.
//
//   text           the line itself; null for an empty one to an optional question
//   select         a number of the list, or an option's value; null for nothing if optional
//   multi_select   several of those between commas; others' own words where allowed
[[nodiscard]] ipc::Result<std::string> read_reply(const Question& question, std::string_view line);

struct GateReply {
  bool approved = false;
  std::string note;  // empty: none
};

// Ask until the answer is one. Nothing was sent to anybody yet.
[[nodiscard]] Terminal::Said ask_gate(Terminal& terminal, GateReply& reply);
// `answers` becomes the JSON object of all answers.
[[nodiscard]] Terminal::Said ask_form(Terminal& terminal, const Waiting& waiting,
                                      std::string& answers);

}  // namespace charter::client
