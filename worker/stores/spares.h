// Replaces small files atomically without freeing or making an inode: the new bytes go into a kept
// spare, which changes places with the file, and the old inode becomes the next spare. (Making
// files gets slow where many were deleted a moment ago, and replacing by rename deletes one each
// time.)
//
// A reader may still be in the middle of an inode that has just been replaced, so a spare is
// written into only 20 ms after it was a file. Any number of processes may share a directory of
// spares. What a process is writing into bears its run's name, so that a file left behind by one
// that died at it can be told from one in use.
#pragma once

#include <string>
#include <string_view>

#include "ipc/error.h"
#include "ipc/layout.h"
#include "ipc/unique_fd.h"

namespace charter::worker {

class Spares {
 public:
  // `directory` is on the same file system as the files; made when first needed, mode 0700.
  // `run`: the id of the run whose process this is.
  Spares(std::string directory, std::string run)
      : directory_(std::move(directory)), run_(std::move(run)) {}

  // `target` holds `bytes` when this returns, and at no instant anything but the old or the new
  // bytes; mode 0600. `durable`: also after a loss of power. Returns the new file, open.
  ipc::Result<ipc::UniqueFd> publish(const std::string& target, std::string_view bytes,
                                     bool durable);

  // The same, durable, for a file that may be read at any time and for as long as one likes: what
  // it was until now is never written into again.
  ipc::Result<void> replace(const std::string& target, std::string_view bytes);

 private:
  struct Spare {
    std::string path;
    ipc::UniqueFd file;
  };
  ipc::Result<ipc::UniqueFd> create(const std::string& target, std::string_view bytes,
                                    bool durable);
  ipc::Result<ipc::UniqueFd> exchange(const std::string& target, std::string_view bytes,
                                      bool durable);
  ipc::Result<Spare> take(bool durable);
  ipc::Result<Spare> make();
  void keep(const std::string& path);
  std::string slot(int number) const;
  std::string own_name() const;

  std::string directory_;
  std::string run_;
};

// Removes what dead processes of the run were writing into. For whoever holds the lock on the
// run's journal and has not begun to write himself.
void sweep_spares(const std::string& directory, const std::string& run);

// Where a project keeps them: beside the state files, out of the way of whoever lists those.
[[nodiscard]] std::string spares_directory(const ipc::Layout& layout);

}  // namespace charter::worker
