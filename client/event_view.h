// A run.event message of the daemon, for people.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "client/fields.h"
#include "client/table.h"
#include "ipc/error.h"

namespace charter::client {

struct EventView {
  std::string_view message;  // exactly as received; everything here views into it
  std::int64_t seq = 0;
  std::string occurred_at;
  std::string kind;
  std::string step;  // empty for events of the run
  Fields event;
};

[[nodiscard]] ipc::Result<EventView> view_event(std::string_view message);

// "done in 1.2 s", "waits for approval: …"; the kind itself when it is one we do not know.
[[nodiscard]] std::string describe(const EventView& event);

// One line with its newline: number, time, step, description; on a narrow screen without the number
// and the day. Lines come one by one, so their
// columns do not depend on each other.
[[nodiscard]] std::string event_line(const EventView& event, const Screen& screen);
[[nodiscard]] std::string event_heading(const Screen& screen);
// That line, or with `json` the message as it was received.
[[nodiscard]] std::string event_text(const EventView& event, bool json, const Screen& screen);

// 2026-01-02T03:04:05.123456Z as 2026-01-02 03:04:05; anything else as it is.
[[nodiscard]] std::string short_time(std::string_view wire_time);

}  // namespace charter::client
