#include "supervisor/reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "ipc/unique_fd.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr std::uint64_t kLastBytes = 1U << 20;  // what is left when the reserve is given up
constexpr std::uint64_t kBlock = 512;           // of st_blocks

std::uint64_t free_bytes(const std::string& directory) {
  struct statvfs info = {};
  if (::statvfs(directory.c_str(), &info) != 0) return std::numeric_limits<std::uint64_t>::max();
  return std::uint64_t{info.f_bavail} * info.f_frsize;
}

// One of an earlier daemon, with all of its space.
bool is_whole(const std::string& path) {
  struct stat info = {};
  return ::lstat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) &&
         static_cast<std::uint64_t>(info.st_blocks) * kBlock >= Reserve::kBytes;
}

}  // namespace

Reserve::Reserve(const ipc::Layout& layout)
    : path_(layout.data_dir() + "/reserve"),
      data_(layout.data_dir()),
      runs_(layout.runs_dir()),
      kept_(is_whole(path_)) {}

Reserve::Space Reserve::look() {
  const std::lock_guard lock(mutex_);
  std::uint64_t free = free_bytes(data_);
  if (kept_ && free < kLastBytes) {
    ::unlink(path_.c_str());
    kept_ = false;
    used_up_ = true;
  } else if (!kept_ && free >= kBytes + kLeastFree) {
    make();
    free = free_bytes(data_);
  } else if (!kept_) {
    used_up_ = true;
  }
  return {std::min(free, free_bytes(runs_)), used_up_};
}

// Where no file can keep space, there is no reserve, and runs go on without one.
void Reserve::make() {
  ::unlink(path_.c_str());  // what an earlier daemon did not finish
  const ipc::UniqueFd file(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  const int error = file ? ::posix_fallocate(file.get(), 0, kBytes) : errno;
  kept_ = error == 0;
  if (kept_) {
    used_up_ = false;
    return;
  }
  ::unlink(path_.c_str());
  if (error == ENOSPC || error == EDQUOT) {
    used_up_ = true;
  } else if (used_up_) {
    used_up_ = false;
    log::warning("Cannot keep space for last words in {}: {}", path_, std::strerror(error));
  }
}

bool Reserve::give_up() {
  const std::lock_guard lock(mutex_);
  if (!kept_) return false;
  kept_ = false;
  used_up_ = true;
  return ::unlink(path_.c_str()) == 0;
}

}  // namespace charter::supervisor
