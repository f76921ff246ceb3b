// How a worker process tells its parent that it is done: the exit codes of engine and guardian,
// and the engine's own signal.
#pragma once

#include <csignal>
#include <string>

#include "ipc/error.h"

namespace charter::worker {

enum ExitCode : int {
  kExitDone = 0,        // the journal ends with a pause or a terminal frame
  kExitUsage = 2,       // not started by a supervisor
  kExitStopped = 120,   // asked to stop deciding, and no child is left
  kExitFull = 119,      // the journal cannot be written because the disk is full
  kExitOrphaned = 121,  // the guardian died; the tree is gone
  kExitJournal = 122,   // the journal cannot be read or written
  kExitJob = 123,       // the job is malformed or does not fit the journal
};

// Of an engine that cannot write its journal.
[[nodiscard]] int journal_exit(const ipc::Error& error);

// The cause in the guardian's last words when the burst took longer than it may.
inline constexpr const char* kTimeLimit = "time limit";

// What a person reads about an engine that ended with such a code.
[[nodiscard]] std::string describe_exit(int code);
// "signal 11 (SIGSEGV)". Takes no locale and no table of the C library's that needs one.
[[nodiscard]] std::string describe_signal(int signal);

// From the guardian to its engine: decide nothing more, append nothing more, keep reading and
// reaping, leave when no child is left.
[[nodiscard]] inline int stop_signal() { return SIGRTMIN + 2; }

// A line for whoever reads the worker's log, on standard error.
void log_line(const std::string& text);

}  // namespace charter::worker
