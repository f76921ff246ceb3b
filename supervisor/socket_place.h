// The hand-off socket's place in the file system.
#pragma once

#include <sys/types.h>

#include <string>

#include "ipc/error.h"
#include "ipc/unique_fd.h"

namespace charter::supervisor {

// A listening socket at `path`, and the file it is, so that only that file is removed again.
class SocketPlace {
 public:
  // Binds in a private directory beside `path`, with mode 0600 from its first instant, and renames
  // it there. What is at `path` already:
  //   nothing                    taken
  //   our own socket, and nobody listens   replaced
  //   a socket that answers      refused, whoever listens
  //   a symbolic link, another kind of file, another user's socket   refused, untouched
  static ipc::Result<SocketPlace> take(const std::string& path);

  // A socket that somebody else made, listens on already, and keeps: it is never removed here.
  static SocketPlace handed_over(ipc::UniqueFd listener) {
    return SocketPlace({}, std::move(listener), 0, 0);
  }

  // The listening descriptor, non-blocking and close-on-exec; the caller's from now on.
  [[nodiscard]] ipc::UniqueFd take_listener() { return std::move(listener_); }

  // Removes the socket if it is still the one made here.
  void remove();

 private:
  SocketPlace(std::string path, ipc::UniqueFd listener, dev_t device, ino_t inode)
      : path_(std::move(path)), listener_(std::move(listener)), device_(device), inode_(inode) {}

  std::string path_;
  ipc::UniqueFd listener_;
  dev_t device_;
  ino_t inode_;
};

}  // namespace charter::supervisor
