// The messages of a daemon, read from their JSON. What is kept of an event is its own text.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "ipc/error.h"

namespace charter::gateway {

// The database counts in signed numbers, and one behind the highest.
inline constexpr std::int64_t kHighestCount = std::numeric_limits<std::int64_t>::max() - 1;

struct Registration {
  std::string worker_id = {};
  std::optional<std::int64_t> max_runs = {};
  bool tells_output = false;
};

struct Announcement {
  std::string run_id = {};
  std::string status = {};
  std::optional<std::string> workflow_path = {};
  std::string started_at = {};  // empty when it was null
};

// The kinds of events that change what is known of a run; every other one is `other`.
enum class EventKind {
  other,
  step_moves,  // started, skipped, failed: the run is running
  step_complete,
  gate_pending,
  input_pending,
  gate_approved,
  gate_refused,
  completed,
  cancelled,
  failed
};

struct EventMessage {
  std::string run_id;
  std::int64_t seq = 0;
  std::optional<std::int64_t> stream_seq;
  std::string occurred_at;
  EventKind kind = EventKind::other;
  std::string step_id;                // of a pending event
  std::optional<std::int64_t> pause;  // likewise; not told in JSON
  std::string error;                  // of `failed`

  // The event object, byte for byte as the daemon sent it.
  [[nodiscard]] std::string_view event() const {
    return std::string_view(text).substr(offset, size);
  }

  std::string text;  // the whole message, or only the event
  std::size_t offset = 0;
  std::size_t size = 0;
};

struct Heartbeat {
  std::int64_t running = 0;
  std::int64_t paused = 0;
};

// A command.result or a command.error.
struct CommandAnswer {
  std::string command_id = {};
  bool ok = false;
  std::optional<std::string> code = {};
  std::optional<std::string> reason = {};
};

using DaemonMessage =
    std::variant<Registration, Announcement, EventMessage, Heartbeat, CommandAnswer>;

// Errors name the message's type and the field that is wrong, never contents.
[[nodiscard]] ipc::Result<DaemonMessage> parse_daemon_message(std::string text);

// Reads the event's own object: its kind, and what that kind has of interest. `where` begins what
// an error says.
[[nodiscard]] ipc::Result<void> read_event_object(std::string_view event, std::string_view where,
                                                  EventMessage& message);

// The status an event gives its run; empty when it changes none.
[[nodiscard]] std::string_view status_after(EventKind kind);
[[nodiscard]] bool terminal_status(std::string_view status);

// The name of the directory the plan lies in: a run's workflow, as far as its path tells.
[[nodiscard]] std::string workflow_of_path(std::string_view plan);

}  // namespace charter::gateway
