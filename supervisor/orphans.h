// Ends processes of runs that have no worker any more: children this process never made (it is a
// subreaper), and after a restart whatever carries a dead run's marker in its environment or is
// named by its journal.
#pragma once

#include <sys/types.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "ipc/journal.h"
#include "supervisor/child_table.h"

namespace charter::supervisor {

// The variable that marks every process of a run's steps with the run's journal: a run's id may be
// used in another project too.
inline constexpr const char* kRunMarker = "CHARTER_RUN_JOURNAL";

// Makes this process the parent of what dead runs leave behind. Before it makes any child.
void become_subreaper();

// Whether it has got, or may be given, children that no run of ours has made: whoever executed this
// program had some, or it is the init of a container.
[[nodiscard]] bool may_have_strange_children();

struct OrphanSigns {
  bool needed = false;   // else every unknown child is an orphan of a run's
  std::string journals;  // the directory that a mark names
  pid_t session = 0;     // of a guardian that has just ended; 0: none has
};

// Reaps what has ended and kills, with everything below it, whatever child is not in `known`, and
// bears one of the signs where one is needed. Returns how many children were met that are not in
// `known`. Cheap when there are none.
std::size_t sweep_orphans(const ChildTable& known, const OrphanSigns& signs);

// Runs without a living worker, by the paths of their journals, and what these say.
using DeadRuns = std::unordered_map<std::string, const ipc::JournalSummary*>;

// Kills, with everything below them, the processes whose environment says that they belong to one
// of the runs, and those which its journal names, as it does with an interpreter that was there
// before the run and bears no mark. The journals must be of this boot. Returns how many were
// signalled.
std::size_t end_processes_of(const DeadRuns& runs);

}  // namespace charter::supervisor
