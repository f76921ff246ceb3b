#include "worker/stores/spares.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <memory>

#include "ipc/layout.h"

namespace charter::worker {
namespace {

constexpr int kSlots = 32;
constexpr std::string_view kOwn = "own-";
constexpr std::int64_t kRestMs = 20;

std::int64_t wall_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

ipc::Result<void> write_all(int fd, std::string_view bytes, const std::string& what) {
  off_t at = 0;
  while (!bytes.empty()) {
    const ssize_t put = ::pwrite(fd, bytes.data(), bytes.size(), at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return ipc::errno_error("write " + what);
    bytes.remove_prefix(static_cast<std::size_t>(put));
    at += put;
  }
  if (::ftruncate(fd, at) != 0) return ipc::errno_error("write " + what);
  return {};
}

ipc::Result<void> fill(int fd, std::string_view bytes, bool durable, const std::string& what) {
  if (auto written = write_all(fd, bytes, what); !written) return written;
  // Before the name points to it: after a loss of power the name must not show half of it.
  if (durable && ::fdatasync(fd) != 0) return ipc::errno_error("sync " + what);
  return {};
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "." : path.substr(0, slash);
}

ipc::Result<void> settle(const std::string& target, bool durable) {
  return durable ? ipc::sync_directory(directory_of(target)) : ipc::Result<void>{};
}

// Whether there is a spare under this name that nobody can be reading any more.
bool has_rested(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) return false;
  const std::int64_t since =
      std::int64_t{info.st_mtim.tv_sec} * 1000 + info.st_mtim.tv_nsec / 1'000'000;
  return S_ISREG(info.st_mode) && info.st_nlink == 1 && wall_ms() - since >= kRestMs;
}

// After a loss of power a file must not show what its inode once held for another one, so a spare
// whose bytes will not be synced is emptied first: they are then missing, never foreign. Through a
// descriptor of its own, since ext4 flushes a file when one that emptied it is closed.
bool empty(const std::string& path) {
  const ipc::UniqueFd file(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW));
  return static_cast<bool>(file);
}

// No run id has this sign, so no id ends like another one's file.
std::string of_run(const std::string& run) { return "@" + run; }

}  // namespace

std::string spares_directory(const ipc::Layout& layout) { return layout.runs_dir() + "/.spares"; }

void sweep_spares(const std::string& directory, const std::string& run) {
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), &::closedir);
  if (!open) return;
  const std::string end = of_run(run);
  while (const dirent* entry = ::readdir(open.get())) {
    const std::string_view name(entry->d_name);
    if (!name.starts_with(kOwn) || !name.ends_with(end)) continue;
    (void)::unlinkat(::dirfd(open.get()), entry->d_name, 0);
  }
}

std::string Spares::slot(int number) const { return directory_ + "/" + std::to_string(number); }

// Unlike a process id such a name is nobody else's in any pid namespace.
std::string Spares::own_name() const {
  std::uint64_t number = 0;
  if (::getrandom(&number, sizeof number, 0) != static_cast<ssize_t>(sizeof number)) {
    number = static_cast<std::uint64_t>(wall_ms());
  }
  return directory_ + "/" + std::string(kOwn) + std::to_string(number) + of_run(run_);
}

// A slot is taken by renaming what is in it to a name only this process uses.
ipc::Result<Spares::Spare> Spares::take(bool durable) {
  const std::string own = own_name();
  for (int number = 0; number < kSlots; ++number) {
    const std::string from = slot(number);
    if (!has_rested(from) || ::rename(from.c_str(), own.c_str()) != 0) continue;
    Spare spare{own, ipc::UniqueFd(::open(own.c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW))};
    if (spare.file && (durable || empty(own))) return spare;
    (void)::unlink(own.c_str());
  }
  return make();
}

ipc::Result<Spares::Spare> Spares::make() {
  Spare spare{own_name(), {}};
  for (int tries = 0; tries < 2 && !spare.file; ++tries) {
    if (tries > 0) (void)::mkdir(directory_.c_str(), 0700);
    spare.file.reset(::open(spare.path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  }
  if (!spare.file) return ipc::errno_error("create " + spare.path);
  return spare;
}

// The time of the last change says since when it rests. A full directory gets no more spares.
void Spares::keep(const std::string& path) {
  (void)::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW);
  for (int number = 0; number < kSlots; ++number) {
    const std::string to = slot(number);
    if (::renameat2(AT_FDCWD, path.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0) return;
  }
  (void)::unlink(path.c_str());
}

ipc::Result<ipc::UniqueFd> Spares::publish(const std::string& target, std::string_view bytes,
                                           bool durable) {
  struct stat info {};
  if (::lstat(target.c_str(), &info) != 0 && errno == ENOENT) {
    auto created = create(target, bytes, durable);
    if (created || created.error().code != std::errc::file_exists) return created;
  }
  return exchange(target, bytes, durable);
}

ipc::Result<void> Spares::replace(const std::string& target, std::string_view bytes) {
  auto fresh = make();
  if (!fresh) return fresh.error();
  auto put = fill(fresh->file.get(), bytes, true, target);
  if (put && ::rename(fresh->path.c_str(), target.c_str()) != 0) {
    put = ipc::errno_error("replace " + target);
  }
  if (!put) {
    (void)::unlink(fresh->path.c_str());
    return put;
  }
  return settle(target, true);
}

// A file that has a name only once it is whole.
ipc::Result<ipc::UniqueFd> Spares::create(const std::string& target, std::string_view bytes,
                                          bool durable) {
  ipc::UniqueFd file(::open(directory_of(target).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file) return exchange(target, bytes, durable);  // not every file system has these
  if (auto filled = fill(file.get(), bytes, durable, target); !filled) return filled.error();
  const std::string self = "/proc/self/fd/" + std::to_string(file.get());
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, target.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    return ipc::errno_error("create " + target);
  }
  if (auto settled = settle(target, durable); !settled) return settled.error();
  return file;
}

ipc::Result<ipc::UniqueFd> Spares::exchange(const std::string& target, std::string_view bytes,
                                            bool durable) {
  auto spare = take(durable);
  if (!spare) return spare.error();
  if (auto filled = fill(spare->file.get(), bytes, durable, target); !filled) {
    (void)::unlink(spare->path.c_str());
    return filled.error();
  }
  if (::renameat2(AT_FDCWD, spare->path.c_str(), AT_FDCWD, target.c_str(), RENAME_EXCHANGE) == 0) {
    keep(spare->path);
  } else if (::rename(spare->path.c_str(), target.c_str()) != 0) {
    // No file yet, or a file system that cannot exchange: a plain rename does for both.
    auto failed = ipc::errno_error("replace " + target);
    (void)::unlink(spare->path.c_str());
    return failed;
  }
  if (auto settled = settle(target, durable); !settled) return settled.error();
  return std::move(spare->file);
}

}  // namespace charter::worker
