// What it means that the gateway answered the upgrade with an HTTP error.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "supervisor/link/web_socket.h"

namespace charter::supervisor {

// For people: what was answered and what to look at. `has_token` says whether one was shown.
[[nodiscard]] std::string words_for(const UpgradeRefusal& refusal, bool has_token);

// How long a gateway that is busy (429) or away (503) asks to be left alone, if it does.
[[nodiscard]] std::optional<std::chrono::milliseconds> retry_after_of(
    const UpgradeRefusal& refusal, std::chrono::system_clock::time_point now);

}  // namespace charter::supervisor
