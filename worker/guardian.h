// Mode `run`: the guardian of one burst. It forks the engine, waits, and has the last word.
//
// | what happens                          | what it does                                          |
// |---------------------------------------|-------------------------------------------------------|
// | engine leaves with kExitDone          | leaves with 0                                         |
// | engine dies, or leaves with a code    | ends the tree, writes `exit`, becomes mode `project`  |
// | kill request (ipc::request_kill)      | the ladder, `exit` killed, becomes mode `project`     |
// | the same, just when the engine left   | the same, unless the run has ended                    |
// | TERM, INT, HUP or QUIT to either      | the ladder, `exit` interrupted, becomes `project`     |
// | the burst's time is over              | the ladder, `exit` time limit, becomes `project`      |
//
// A journal that already ends with a terminal frame, or with a pause nobody asked to kill, needs
// no last word. The journal is written by the engine while it lives, by the guardian only after
// it has reaped the engine. The lock on the journal is this process's, whatever it becomes.
#pragma once

#include <sys/types.h>

#include <string>

namespace charter::worker {

// The process's exit code.
[[nodiscard]] int run_main();
// Mode `standby` (standby.h): the same, for a run that is handed over later. The engine is a child
// of this process already; its interpreter comes from `origin`.
[[nodiscard]] int standby_main(pid_t engine, const std::string& origin);

}  // namespace charter::worker
