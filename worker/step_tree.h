// Ends processes a step, or the whole run, has left behind while the engine goes on.
#pragma once

#include <poll.h>

#include <span>

#include "worker/attention.h"
#include "worker/process_tree.h"
#include "worker/reaper.h"

namespace charter::worker {

// TERM, at most a second, then the stop-and-KILL walk; costs one system call when there is
// nothing to end. `pipes` are emptied meanwhile, so that nobody who wants to end hangs in a write.
// What cannot be ended is logged.
void end_tree(Attention& attention, Reaper& reaper, ProcessTree::Spare spare,
              std::span<pollfd> pipes);

}  // namespace charter::worker
