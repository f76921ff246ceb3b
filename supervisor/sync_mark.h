// What is being synced at this moment, written where the next daemon of the same boot finds it. Of
// a sync that fails the kernel tells only who waited for it; who is killed meanwhile says it to
// nobody, and a sync of the next one succeeds. So whatever was being synced then is in doubt
// (ipc/log_segment.h).
//
// The file is never synced itself: it survives the process, and after a loss of power the disk has
// the truth. A full or failing disk may refuse it; then a daemon that is killed in that moment
// leaves no mark.
#pragma once

#include <string>
#include <string_view>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::supervisor {

// One thread at a time.
class SyncMark {
 public:
  // `path`: of the file, which is made when the first mark is set.
  explicit SyncMark(std::string path) : path_(std::move(path)) {}

  // `names`: no NUL in them.
  void set(std::string_view names);
  void clear();

  // What an earlier daemon was syncing when it was killed; empty when it was not. An error when
  // that cannot be read. Later calls of set() take its place.
  [[nodiscard]] static ipc::Result<std::string> left(const std::string& path);

 private:
  std::string path_;
  ipc::UniqueFd file_;
};

}  // namespace charter::supervisor
