#include "worker/sandbox/scratch.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "ipc/job.h"
#include "ipc/unique_fd.h"
#include "worker/endings.h"

namespace charter::worker {
namespace {

constexpr mode_t kEverybodys = 01777;
constexpr std::size_t kMostPaths = 64U << 20;
constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

// Empties directories one after the other; those found below them are moved up beside the first, so
// that depth costs neither stack nor descriptors nor long paths.
class Removal {
 public:
  explicit Removal(int top) : top_(top) {}

  void run() {
    empty(top_);
    while (!moved_.empty()) {
      const std::string name = std::move(moved_.back());
      moved_.pop_back();
      // Its owner may have forbidden itself to look into it.
      (void)::fchmodat(top_, name.c_str(), S_IRWXU, 0);
      const ipc::UniqueFd directory(::openat(top_, name.c_str(), kDirectory));
      if (directory) empty(directory.get());
      if (::unlinkat(top_, name.c_str(), AT_REMOVEDIR) != 0) failed(errno);
    }
  }
  [[nodiscard]] int error() const { return error_; }

 private:
  void failed(int code) {
    if (error_ == 0) error_ = code;
  }

  void empty(int directory) {
    (void)::fchmod(directory, S_IRWXU);
    const std::unique_ptr<DIR, int (*)(DIR*)> listing(
        ::fdopendir(::openat(directory, ".", kDirectory)), &::closedir);
    if (!listing) return failed(errno);
    while (const dirent* entry = ::readdir(listing.get())) {
      const std::string_view name(entry->d_name);
      if (name == "." || name == ".." || (directory == top_ && is_moved(name))) continue;
      if (::unlinkat(directory, entry->d_name, 0) == 0) continue;
      if (errno != EISDIR && errno != EPERM) {
        failed(errno);
        continue;
      }
      put_aside(directory, entry->d_name);
    }
  }

  void put_aside(int directory, const char* name) {
    if (::unlinkat(directory, name, AT_REMOVEDIR) == 0) return;
    // Moving a directory writes its "..", for which it must be writable.
    (void)::fchmodat(directory, name, S_IRWXU, 0);
    std::string other;
    do {
      other = kAside + std::to_string(++count_);
    } while (::faccessat(top_, other.c_str(), F_OK, AT_SYMLINK_NOFOLLOW) == 0);
    if (::renameat(directory, name, top_, other.c_str()) != 0) return failed(errno);
    moved_.push_back(std::move(other));
  }

  [[nodiscard]] bool is_moved(std::string_view name) const {
    for (const std::string& one : moved_) {
      if (one == name) return true;
    }
    return false;
  }

  static constexpr const char* kAside = ".removed-";
  int top_;
  std::vector<std::string> moved_;
  unsigned long count_ = 0;
  int error_ = 0;
};

}  // namespace

ipc::Result<void> make_scratch(const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) != 0 && errno != EEXIST) {
    return ipc::errno_error("create directory " + path);
  }
  const ipc::UniqueFd directory(::open(path.c_str(), kDirectory));
  if (!directory) return ipc::errno_error("open directory " + path);
  // Not by mkdir: whatever the umask is.
  if (::fchmod(directory.get(), kEverybodys) != 0) return ipc::errno_error("chmod " + path);
  return {};
}

ipc::Result<void> remove_tree(const std::string& path) {
  const ipc::UniqueFd top(::open(path.c_str(), kDirectory));
  if (!top) {
    if (errno == ENOENT) return {};
    return ipc::errno_error("open directory " + path);
  }
  Removal removal(top.get());
  removal.run();
  if (::rmdir(path.c_str()) == 0) return {};
  if (removal.error() != 0) errno = removal.error();
  return ipc::errno_error("remove " + path);
}

int clear_main() {
  const auto paths = ipc::read_all(STDIN_FILENO, kMostPaths);
  if (!paths) return kExitJob;
  std::string_view rest(*paths);
  while (!rest.empty()) {
    const std::size_t end = rest.find('\0');
    if (end == std::string_view::npos) return kExitJob;
    if (auto removed = remove_tree(std::string(rest.substr(0, end))); !removed) {
      log_line(removed.error().message());
    }
    rest.remove_prefix(end + 1);
  }
  return kExitDone;
}

}  // namespace charter::worker
