// Mode `project`: writes down how a run ended whose engine cannot, from its journal alone. The
// guardian becomes it after the engine died; the supervisor starts it for a run that nobody
// executes. It holds the journal's lock either way, appends what is missing (the last events and
// the terminal frame) and writes the state file. Done twice, it adds nothing the second time.
//
// clang-format off
// | journal                        | asked for, or found | becomes                               |
// |--------------------------------|---------------------|---------------------------------------|
// | a terminal frame               | any                 | nothing; the state file is made good  |
// | an event that ends the run     | any                 | the terminal frame                    |
// | paused, file as it was         | a cancellation      | GateDecision, RunCancelled            |
// | paused, file moved on          | any                 | what the file says                    |
// | paused                         | nothing             | nothing                               |
// | a step begun                   | a cancellation      | RunCancelled                          |
// | a step begun                   | nothing             | StepFailed, RunFailed                 |
// | no step begun                  | a cancellation      | RunCancelled                          |
// | no step begun                  | a reason in the job | RunFailed                             |
// | no step begun                  | nothing             | nothing: it may begin again           |
// clang-format on
#pragma once

namespace charter::worker {

// The process's exit code.
[[nodiscard]] int project_main();

}  // namespace charter::worker
