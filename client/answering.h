// Answering a pause: to the daemon, and before that by asking a person at the terminal.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "client/control.h"
#include "client/outcome.h"
#include "client/terminal.h"
#include "client/waiting.h"

namespace charter::client {

// One answer to the daemon. Done means that it is on disk.
[[nodiscard]] Expected<Fields> send_decision(const Target& target, const std::string& run,
                                             bool approved, const std::optional<std::string>& note);
// `answers`: a JSON object.
[[nodiscard]] Expected<Fields> send_answers(const Target& target, const std::string& run,
                                            std::string_view answers);

// `overtaken`: the run does not wait for this any more.
enum class Answering { accepted, left, overtaken };

// Shows what the run waits for, asks, and sends the answer; asks again, with the reason, for what
// the daemon does not accept. Needs a person_present().
[[nodiscard]] Expected<Answering> answer_at_terminal(const Target& target, const std::string& run,
                                                     const Waiting& waiting, Meanwhile meanwhile);

}  // namespace charter::client
