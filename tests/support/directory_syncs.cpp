#include "tests/support/directory_syncs.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <utility>

namespace charter::tests {
namespace {

struct Watched {
  dev_t device = 0;
  ino_t inode = 0;
  int failures = 0;
  int succeeded = 0;
  std::function<void()> look;
};

std::mutex mutex;
std::optional<Watched> watched;

enum class Sync { other, fails, succeeds };

Sync sync_of(int fd) {
  struct stat info {};
  const std::lock_guard<std::mutex> lock(mutex);
  if (!watched || ::fstat(fd, &info) != 0) return Sync::other;
  if (info.st_dev != watched->device || info.st_ino != watched->inode) return Sync::other;
  if (watched->failures > 0) {
    --watched->failures;
    return Sync::fails;
  }
  if (watched->look) watched->look();
  ++watched->succeeded;
  return Sync::succeeds;
}

template <class Read>
auto locked(Read read) {
  const std::lock_guard<std::mutex> lock(mutex);
  return read(*watched);
}

}  // namespace

DirectorySyncs::DirectorySyncs(const std::string& directory) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) throw std::runtime_error("no directory " + directory);
  const std::lock_guard<std::mutex> lock(mutex);
  watched = Watched{info.st_dev, info.st_ino, 0, 0, {}};
}
DirectorySyncs::~DirectorySyncs() {
  const std::lock_guard<std::mutex> lock(mutex);
  watched.reset();
}
void DirectorySyncs::fail(int count) const {
  locked([&](Watched& one) { return one.failures = count; });
}
int DirectorySyncs::failures_left() const {
  return locked([](const Watched& one) { return one.failures; });
}
int DirectorySyncs::succeeded() const {
  return locked([](const Watched& one) { return one.succeeded; });
}
void DirectorySyncs::before_each(std::function<void()> look) const {
  locked([&](Watched& one) {
    one.look = std::move(look);
    return 0;
  });
}

}  // namespace charter::tests

// In place of the C library's, for the whole program.
extern "C" int fsync(int fd) {
  if (charter::tests::sync_of(fd) == charter::tests::Sync::fails) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fsync, fd));
}
