// Ending processes for good.
//
// The ladder is: TERM to every process of the tree (and CONT, so that a stopped one hears it),
// wait until all are gone or the grace has passed, then stop everything until nothing new
// appears, KILL everything, and reap until waitpid says that no child is left. A scan of /proc
// only finds whom to signal; it never proves that nothing is left.
#pragma once

#include <vector>

#include "ipc/journal_frame.h"
#include "worker/process_tree.h"
#include "worker/reaper.h"

namespace charter::worker {

struct KillOutcome {
  bool gone = true;
  std::vector<ipc::LeftProcess> left;  // who could not be ended, when not gone
};

// TERM to every process below this one, except `except`.
void terminate_tree(ProcessTree::Spare spare = {}, pid_t except = 0);

// The stop-and-KILL walk over everything below this process. Gives up two seconds after the last
// KILL, or, while a process only lacks a processor to end on, fifteen after the first. With a
// `spare` "gone" means that nothing but what is spared can be found. SIGCHLD must be blocked.
[[nodiscard]] KillOutcome kill_tree(Reaper& reaper, ProcessTree::Spare spare = {});

}  // namespace charter::worker
