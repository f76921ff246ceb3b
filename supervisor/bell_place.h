// The private directory of a daemon's doorbell. It lies in /tmp, or what the session has instead,
// so it stays when a project is removed. Each says whose it is (a link `data` to the data
// directory) and is held by a lock as long as its daemon lives; whoever finds one whose data
// directory is gone and that nobody holds may remove it.
#pragma once

#include <chrono>
#include <string>

#include "ipc/error.h"
#include "ipc/layout.h"
#include "ipc/unique_fd.h"

namespace charter::supervisor {

class BellPlace {
 public:
  // Makes it, or takes the one that is there. Errors: what Layout::runtime_dir says, and that
  // somebody is about to remove it.
  static ipc::Result<BellPlace> take(const ipc::Layout& layout);

  [[nodiscard]] const std::string& directory() const { return directory_; }
  [[nodiscard]] std::string bell() const { return directory_ + "/bell"; }

  // Removes those beside it that are nobody's any more, a few dozen at once and only where nobody
  // else is about it; begins with none once it has taken `longest`. What is another user's, names
  // no data directory, or one that is there or cannot be seen, stays. Returns how many.
  std::size_t remove_abandoned(std::chrono::milliseconds longest) const;

 private:
  BellPlace(std::string directory, ipc::UniqueFd held)
      : directory_(std::move(directory)), held_(std::move(held)) {}

  std::string directory_;
  ipc::UniqueFd held_;
};

}  // namespace charter::supervisor
