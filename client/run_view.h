// What the daemon says of a run or of itself, for people.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/fields.h"
#include "client/table.h"

namespace charter::client {

// `now_ms` is the wall clock's, from which times are told.
// Runs as a table; a line that says so when there are none.
[[nodiscard]] std::string runs_text(const std::vector<Fields>& runs, const Screen& screen,
                                    std::int64_t now_ms);

// One run, a line for each thing known.
[[nodiscard]] std::string run_text(const Fields& run, const Screen& screen, std::int64_t now_ms);

// The daemon, its runs by state, its gateway and what waits for it.
[[nodiscard]] std::string daemon_text(const Fields& daemon, const Screen& screen,
                                      std::int64_t now_ms);

}  // namespace charter::client
