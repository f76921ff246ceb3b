#include "ipc/lock.h"

#include <fcntl.h>

#include <cerrno>

namespace charter::ipc {
namespace {

// The whole file; l_pid has to stay 0 for locks of an open file description.
struct flock whole_file(short type) {
  struct flock region {};
  region.l_type = type;
  region.l_whence = SEEK_SET;
  return region;
}

}  // namespace

Result<bool> try_lock(int fd) {
  struct flock region = whole_file(F_WRLCK);
  if (::fcntl(fd, F_OFD_SETLK, &region) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return errno_error("lock");
}

Result<void> lock(int fd) {
  struct flock region = whole_file(F_WRLCK);
  while (::fcntl(fd, F_OFD_SETLKW, &region) != 0) {
    if (errno != EINTR) return errno_error("lock");
  }
  return {};
}

Result<void> unlock(int fd) {
  struct flock region = whole_file(F_UNLCK);
  if (::fcntl(fd, F_OFD_SETLK, &region) != 0) return errno_error("unlock");
  return {};
}

Result<bool> is_locked(int fd) {
  struct flock region = whole_file(F_WRLCK);
  if (::fcntl(fd, F_OFD_GETLK, &region) != 0) return errno_error("look at a lock");
  return region.l_type != F_UNLCK;
}

}  // namespace charter::ipc
