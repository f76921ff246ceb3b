// The processes below this one, found through /proc and held by pidfds, so that no signal can
// reach a process that only inherited a number.
//
// A process counts as found when, after its pidfd was opened, its parent was this process or a
// process already found whose pidfd still shows it alive: then the number belonged to that very
// process all the while. What is missed because its parent died meanwhile shows up in the next
// look, below whoever adopted it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <vector>

#include "ipc/journal_frame.h"
#include "ipc/unique_fd.h"

namespace charter::worker {

class ProcessTree {
 public:
  // Asked once about each direct child of this process: true leaves it and all below it alone.
  using Spare = std::function<bool(pid_t)>;
  static constexpr int kMostLooks = 1000;  // of a tree that forks faster than it can be stopped
  explicit ProcessTree(Spare spare = {});

  // Walks the tree once; how many processes were not known before. Running out of descriptors
  // ends the walk early: end what is known, then look again.
  std::size_t look();
  // Looks until nothing new appears, `most` times at most, `signal` sent to each as it is found (0:
  // none).
  void look_until_quiet(int signal, int most = kMostLooks);

  // Sends a signal to every living process found, except `except`, that was sent neither the same
  // one last nor ever KILL.
  void send(int signal, pid_t except = 0);

  // Forgets who has ended; how many live on.
  std::size_t prune();
  // Whether somebody lives who was sent KILL less than `patience_ms` ago, or longer ago and only
  // needs a processor to end on.
  [[nodiscard]] bool may_end(std::int64_t patience_ms) const;
  // Who lives on, by name and with the reason as far as it can be known.
  [[nodiscard]] std::vector<ipc::LeftProcess> living() const;

 private:
  struct Member {
    ipc::UniqueFd process;
    int last_signal = 0;
    int refused = 0;             // errno of a signal that could not be sent
    std::int64_t killed_ms = 0;  // when KILL was sent, by the boot clock; 0: it was not
  };
  bool admit(pid_t pid);
  [[nodiscard]] bool is_member(pid_t pid) const;

  Spare spare_;
  pid_t self_;
  int most_descriptors_ = 0;
  bool exhausted_ = false;
  std::map<pid_t, Member> members_;
  std::set<pid_t> spared_;
};

// The children of a process (of all its threads), zombies included.
[[nodiscard]] std::vector<pid_t> children_of(pid_t pid);

}  // namespace charter::worker
