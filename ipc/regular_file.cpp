#include "ipc/regular_file.h"

#include <fcntl.h>
#include <sys/stat.h>

namespace charter::ipc {

Result<UniqueFd> open_regular(const std::string& path, int flags, mode_t mode) {
  UniqueFd file(::open(path.c_str(), flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode));
  if (!file) return errno_error("open " + path);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return errno_error("look at " + path);
  if (!S_ISREG(info.st_mode)) return plain_error("open " + path + ": not a regular file");
  return file;
}

}  // namespace charter::ipc
