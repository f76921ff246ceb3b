// The file and socket calls of a daemon and of everything that descends from it, as strace saw
// them: whole data, in the order in which they happened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace charter::tests {

// A place in the order of all calls' beginnings and ends.
using Moment = std::size_t;

struct TracedCall {
  int thread = 0;
  std::string name;
  double at_s = 0;  // since the Unix epoch, when it began
  Moment begun = 0;
  Moment ended = 0;
  long result = -1;
  std::vector<std::string> arguments;  // as strace shows them
  std::string made;                    // what the descriptor it returned names
};

// What to put before the daemon's own command line. The daemon stays the test's child. The file
// goes on where it ended. `inject`: a fault as strace takes it, "fdatasync:error=EIO:when=2"; each
// thread counts for itself.
[[nodiscard]] std::vector<std::string> tracing_command(const std::string& trace_file,
                                                       const std::string& inject = {});
// strace is there, and may trace.
[[nodiscard]] bool tracing_is_possible();

// Of a whole trace; calls that never returned are left out. Ordered by their ends.
[[nodiscard]] std::vector<TracedCall> read_trace(const std::string& trace_file);

// Parts of an argument.
[[nodiscard]] std::string quoted_text(std::string_view argument);  // all of its "..." joined
[[nodiscard]] std::string annotation(std::string_view argument);   // <...>: what a descriptor names
[[nodiscard]] long number(std::string_view argument);              // its leading number, else -1

}  // namespace charter::tests
