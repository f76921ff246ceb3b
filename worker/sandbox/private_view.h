// The file system as a run's processes see it: a mount namespace in which nothing can be written
// but the project, /tmp is the run's own, and what is hidden is not there.
#pragma once

#include <string>
#include <vector>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::worker {

struct ViewOrder {
  std::string root;                 // of the project
  std::string tmp;                  // the run's own temporary directory
  std::vector<std::string> hidden;  // directories and files; what is not there is no matter
  // Rules of Landlock that a process which enters is under already, or -1: they are told of places
  // that are there only in the view.
  int outer_rules = -1;
};

struct PrivateView {
  ipc::UniqueFd users;   // the user namespace, where one was needed
  ipc::UniqueFd mounts;  // the mount namespace
  ipc::UniqueFd rules;   // of Landlock, made inside, so that they mean what is there
};

// Makes it, by a child that is gone when this returns. `landlock`: the version of it. The caller
// has one thread.
[[nodiscard]] ipc::Result<PrivateView> make_private_view(const ViewOrder& order, int landlock);

// The calling process, which shares its working directory with no other, sees it from now on, and
// is in `root`. 0, or an errno. Async-signal-safe.
[[nodiscard]] int enter_view(int users, int mounts, const char* root);

}  // namespace charter::worker
