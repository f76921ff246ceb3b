// Faults at system calls of a living daemon, made by strace: its threads are traced, and what they
// start only if that is asked for.
#pragma once

#include <sys/types.h>

#include <string>

#include "tests/support/child_process.h"
#include "tests/support/files.h"

namespace charter::tests {

class Injection {
 public:
  // `what` as strace takes it behind the name of the call: "signal=SIGKILL", "error=EIO". From the
  // `when`th call of any thread on ("3" once, "3+" always). Each thread counts for itself. Throws
  // when the threads cannot be traced.
  Injection(pid_t daemon, const std::string& call, const std::string& what, const std::string& when,
            bool with_children = false);
  // Lets go of the daemon; it goes on without faults. One that a SIGKILL has met is dead
  // afterwards.
  ~Injection() { (void)end(); }
  // The same at once. Says whether any call was met by the fault.
  bool end();

  [[nodiscard]] static bool possible();

 private:
  [[nodiscard]] bool has_killed() const;

  pid_t daemon_;
  std::string call_;
  int kills_at_ = 0;  // 0: never
  bool with_children_;
  TempDir directory_;
  ChildProcess strace_;
};

}  // namespace charter::tests
