// The daemon's socket as its clients use it: one line out, lines back, until it closes.
#pragma once

#include <sys/types.h>

#include <boost/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/wait.h"

namespace charter::tests {

[[nodiscard]] bool can_connect(const std::string& socket);
// Who listens there, 0 when nobody does. A child of a killed daemon may hold the old socket until
// it executes, so whoever waits for a new daemon asks for its pid.
[[nodiscard]] pid_t listener_of(const std::string& socket);
// A connected stream socket, or -1. The caller closes it.
[[nodiscard]] int connect_to(const std::string& socket);

// Sends the bytes as they are and reads until the daemon closes. Nothing when it did not within
// `limit` or could not be reached; a reset after an answer counts as closed.
[[nodiscard]] std::optional<std::string> exchange(const std::string& socket, std::string_view bytes,
                                                  milliseconds limit = kSoon);

// The stock request for a run, as a line.
struct HandOff {
  std::string run_id;
  std::string workflow_id;
  std::string workflow_path;
  boost::json::object variables;
  boost::json::object capabilities;
  boost::json::value snapshot;  // null: none
};
[[nodiscard]] std::string line_of(const HandOff& request);

struct Answer {
  bool ok = false;
  std::string error;
  std::string raw;
};
// `raw` is empty when there was no answer at all.
[[nodiscard]] Answer answer_to(const std::string& socket, std::string_view bytes,
                               milliseconds limit = kSoon);
[[nodiscard]] Answer hand_off(const std::string& socket, const HandOff& request);

// One control request; the lines of its answer, parsed. Empty when nothing came.
[[nodiscard]] std::vector<boost::json::object> control(const std::string& socket,
                                                       std::string_view op,
                                                       boost::json::object fields = {},
                                                       milliseconds limit = kSoon);
// The view of one run, from op `status`; empty when the daemon does not know it.
[[nodiscard]] boost::json::object run_view(const std::string& socket, const std::string& run);
// Its member `name` as text; empty when it is missing or no string.
[[nodiscard]] std::string text_of(const boost::json::object& object, std::string_view name);
// Waits until the run's view has `state`.
[[nodiscard]] bool reaches_state(const std::string& socket, const std::string& run,
                                 std::string_view state, milliseconds limit = kRunTime);

}  // namespace charter::tests
