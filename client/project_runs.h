// Runs of which only their state files tell: those the `charter` CLI carries out itself, and runs
// of the daemon that finished so long ago that it does not list them any more.
//
// They are read here and not in the daemon. Its one thread serves every run and must not wait for
// a directory of any length or for a slow disk, and who may ask it may read the files as well.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/fields.h"
#include "ipc/layout.h"

namespace charter::client {

// The ids in .charter/runs. Taken before the daemon is asked for its runs, what it does not name
// is not its own: a run accepted in between has no file yet here.
[[nodiscard]] std::vector<std::string> state_file_ids(const ipc::Layout& layout);

// The state file's fields; nothing when there is none or it is not one of this run.
[[nodiscard]] std::optional<Fields> read_state_file(const ipc::Layout& layout,
                                                    const std::string& run);

// The run as a run view (docs/PROTOCOL.md, section 2). Its `by` is "daemon" when the daemon's data
// directory has its journal, else "file": the CLI's and an old one of the daemon whose journal was
// given up look the same. `state` is paused, finished or, when the file says that it
// is on its way, "untracked": nothing here knows whether anybody still carries it out.
[[nodiscard]] std::string view_of(const ipc::Layout& layout, const std::string& run,
                                  const Fields& state);

}  // namespace charter::client
