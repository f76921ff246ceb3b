// Reads the options of a running daemon anew and says what that changes. The command line and the
// environment are those of the start, so what can be another is the configuration file, and what
// the files hold that options name.
#pragma once

#include <string>
#include <vector>

#include "ipc/error.h"
#include "supervisor/start_options.h"

namespace charter::supervisor {

struct Reloaded {
  struct Change {
    std::string option;  // without dashes
    std::string from;    // as text; empty: it was not set
    std::string to;
  };
  StartOptions options;                    // to go on with: old where a restart is needed
  std::vector<std::string> reread;         // options whose files are read anew, and config
  std::vector<Change> changed;             // in force from now on
  std::vector<std::string> restart;        // options that changed, and count after a restart only
  [[nodiscard]] std::string view() const;  // the members of an answer, JSON
};

// An error says what is wrong, for people; then nothing has changed.
[[nodiscard]] ipc::Result<Reloaded> read_options_anew(const StartOptions& current);

}  // namespace charter::supervisor
