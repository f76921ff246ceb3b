// Memory that the daemon has freed and the C library keeps.
#pragma once

namespace charter::supervisor {

// Gives it back to the system where that is worth the while: what a crowd of runs needed for a
// minute would stay for ever otherwise. Takes about a millisecond for ten MB; any thread, and those
// that allocate meanwhile wait for it.
void give_back_freed_memory();

}  // namespace charter::supervisor
