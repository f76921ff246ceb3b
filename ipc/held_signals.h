// No signal is delivered to the calling thread while one of these lives; those that come wait. A
// thread that is made meanwhile takes none for good, since it inherits its maker's mask: signals
// are for the event loop's thread.
#pragma once

#include <csignal>

namespace charter::ipc {

class HeldSignals {
 public:
  HeldSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~HeldSignals() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace charter::ipc
