// The sandbox of a run's processes, made once for a burst and entered by each of them between fork
// and exec. The guardian and the engine stay outside: they write the journal, the state file, and
// end processes.
#pragma once

#include <linux/filter.h>

#include <string>
#include <string_view>
#include <vector>

#include "ipc/error.h"
#include "ipc/sandbox.h"
#include "ipc/unique_fd.h"

namespace charter::worker {

class Confinement {
 public:
  struct Order {
    ipc::Sandbox sandbox;
    std::string root;  // of the project; a process begins there
    std::string tmp;   // the run's own temporary directory, which is there
    // Where the calling process itself writes beside these; see bind_caller().
    std::vector<std::string> caller_also;
  };
  // Exactly the level that is ordered, or an error: never a lower one.
  [[nodiscard]] static ipc::Result<Confinement> make(const Order& order);

  // Whether the path, in which no link is left, is at or below something that is hidden.
  [[nodiscard]] bool hides(std::string_view path) const;
  // What a process is to find as TMPDIR.
  [[nodiscard]] const std::string& tmp() const { return tmp_; }

  // The calling process writes below the project and where it was ordered alone from now on: what
  // the run's processes have it write, over links that they made, can lie nowhere else. Nothing
  // happens with Landlock 1, which forbids every move between directories.
  [[nodiscard]] ipc::Result<void> bind_caller() const;

  // In the child, in this order; what lies between may close every descriptor. Both return 0 or an
  // errno, are async-signal-safe, and allocate nothing.
  [[nodiscard]] int enter() const;
  [[nodiscard]] int finish() const;

 private:
  ipc::UniqueFd users_;
  ipc::UniqueFd mounts_;
  ipc::UniqueFd rules_;
  ipc::UniqueFd callers_rules_;
  std::vector<sock_filter> filter_;
  std::string root_;
  std::string tmp_;
  std::vector<std::string> hidden_;
};

// The one that spawn() has every child of this process enter from now on; null before.
void confine_children(Confinement confinement);
[[nodiscard]] const Confinement* children_confinement();

// Sets or replaces TMPDIR where children are confined.
void set_private_tmp(std::vector<std::string>& environment);

}  // namespace charter::worker
