#include "supervisor/bell_place.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include "ipc/open_directory.h"
#include "ipc/short_name.h"

namespace charter::supervisor {
namespace {

constexpr const char* kOwner = "data";
constexpr const char* kBell = "bell";
constexpr std::size_t kMostAtOnce = 64;

ipc::UniqueFd open_at(int base, const char* name) {
  return ipc::UniqueFd(::openat(base, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

std::optional<std::string> link_text(int base, const std::string& name) {
  std::array<char, PATH_MAX> text{};
  const ssize_t size = ::readlinkat(base, name.c_str(), text.data(), text.size());
  if (size <= 0 || static_cast<std::size_t>(size) == text.size()) return std::nullopt;
  return std::string(text.data(), static_cast<std::size_t>(size));
}

// Still what the name leads to: whoever removed it did so before it was locked.
bool is_at(int base, const char* name, int directory) {
  struct stat open {};
  struct stat named {};
  return ::fstat(directory, &open) == 0 &&
         ::fstatat(base, name, &named, AT_SYMLINK_NOFOLLOW) == 0 && open.st_ino == named.st_ino &&
         open.st_dev == named.st_dev;
}

bool is_gone(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) != 0 && errno == ENOENT;
}

// Whose it says it is, if that is gone.
bool is_abandoned(int base, const std::string& name) {
  const auto data = link_text(base, name + "/" + kOwner);
  return data && data->starts_with('/') && ipc::hash_of(*data) == name && is_gone(*data);
}

bool remove_one(int base, const std::string& name) {
  const ipc::UniqueFd directory = open_at(base, name.c_str());
  struct stat info {};
  if (!directory || ::fstat(directory.get(), &info) != 0 || info.st_uid != ::geteuid())
    return false;
  if (::flock(directory.get(), LOCK_EX | LOCK_NB) != 0) return false;
  // From here on no daemon can take it.
  if (!is_at(base, name.c_str(), directory.get()) || !is_abandoned(base, name)) return false;
  (void)::unlinkat(directory.get(), kBell, 0);
  (void)::unlinkat(directory.get(), kOwner, 0);
  return ::unlinkat(base, name.c_str(), AT_REMOVEDIR) == 0;
}

}  // namespace

ipc::Result<BellPlace> BellPlace::take(const ipc::Layout& layout) {
  auto directory = layout.runtime_dir();
  if (!directory) return directory.error();
  ipc::UniqueFd held = open_at(AT_FDCWD, directory->c_str());
  if (!held) return ipc::errno_error("open " + *directory);
  if (::flock(held.get(), LOCK_SH | LOCK_NB) != 0) return ipc::errno_error("hold " + *directory);
  if (!is_at(AT_FDCWD, directory->c_str(), held.get())) {
    return ipc::plain_error(*directory + " was removed a moment ago");
  }
  if (link_text(held.get(), kOwner) != layout.data_dir()) {
    (void)::unlinkat(held.get(), kOwner, 0);
    // Without it the directory only stays for ever.
    (void)::symlinkat(layout.data_dir().c_str(), held.get(), kOwner);
  }
  return BellPlace(std::move(*directory), std::move(held));
}

std::size_t BellPlace::remove_abandoned(std::chrono::milliseconds longest) const {
  const std::size_t slash = directory_.rfind('/');
  const std::string base = directory_.substr(0, slash);
  const ipc::DirectoryStream listing = ipc::open_directory(base);
  if (!listing) return 0;
  const int at = ::dirfd(listing.get());
  // One at a time: daemons often end together.
  if (::flock(at, LOCK_EX | LOCK_NB) != 0) return 0;
  const auto deadline = std::chrono::steady_clock::now() + longest;
  std::size_t removed = 0;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (std::chrono::steady_clock::now() >= deadline) break;
    const std::string name = entry->d_name;
    if (std::string_view(directory_).substr(slash + 1) == name || !is_abandoned(at, name)) continue;
    if (remove_one(at, name) && ++removed == kMostAtOnce) break;
  }
  return removed;
}

}  // namespace charter::supervisor
