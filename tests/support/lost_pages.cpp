#include "tests/support/lost_pages.h"

#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <stdexcept>
#include <utility>
#include <vector>

namespace charter::tests {
namespace {

using File = std::pair<dev_t, ino_t>;

struct Write {
  std::size_t offset = 0;
  std::string bytes;
};

struct Pages {
  std::string durable;
  std::vector<Write> dirty;
};

struct Disk {
  std::map<File, Pages> files;
  int failures = 0;
};

thread_local std::optional<Disk> disk;

std::optional<File> file_of(int fd) {
  struct stat info {};
  if (!disk || ::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) return std::nullopt;
  return File(info.st_dev, info.st_ino);
}

void written(int fd, const void* bytes, ssize_t size, off_t offset) {
  const auto file = size > 0 ? file_of(fd) : std::nullopt;
  if (!file) return;
  disk->files[*file].dirty.push_back(
      {static_cast<std::size_t>(offset),
       std::string(static_cast<const char*>(bytes), static_cast<std::size_t>(size))});
}

}  // namespace

LostPages::LostPages() { disk.emplace(); }
LostPages::~LostPages() { disk.reset(); }
void LostPages::fail(int count) const { disk->failures = count; }
int LostPages::failures_left() const { return disk->failures; }

std::string LostPages::on_disk(const std::string& path) const {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) throw std::runtime_error("no file " + path);
  std::string bytes = disk->files[File(info.st_dev, info.st_ino)].durable;
  bytes.resize(static_cast<std::size_t>(info.st_size));
  return bytes;
}

void LostPages::lose_power(const std::string& path) const {
  const std::string bytes = on_disk(path);
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

}  // namespace charter::tests

// In place of the C library's, for the whole program.
extern "C" ssize_t pwrite(int fd, const void* bytes, size_t size, off_t offset) {
  const ssize_t put = ::syscall(SYS_pwrite64, fd, bytes, size, offset);
  charter::tests::written(fd, bytes, put, offset);
  return put;
}

extern "C" ssize_t pwritev(int fd, const struct iovec* parts, int count, off_t offset) {
  const ssize_t put = ::syscall(SYS_pwritev, fd, parts, count, offset, 0);
  auto left = put;
  for (int i = 0; i < count && left > 0; ++i) {
    const auto size = std::min(left, static_cast<ssize_t>(parts[i].iov_len));
    charter::tests::written(fd, parts[i].iov_base, size, offset + (put - left));
    left -= size;
  }
  return put;
}

extern "C" int fdatasync(int fd) {
  using charter::tests::disk;
  const auto file = charter::tests::file_of(fd);
  if (!file) return static_cast<int>(::syscall(SYS_fdatasync, fd));
  auto& pages = disk->files[*file];
  const auto dirty = std::exchange(pages.dirty, {});
  if (disk->failures > 0) {
    --disk->failures;
    errno = EIO;
    return -1;
  }
  for (const auto& one : dirty) {
    const auto end = one.offset + one.bytes.size();
    if (pages.durable.size() < end) pages.durable.resize(end);
    std::copy(one.bytes.begin(), one.bytes.end(),
              pages.durable.begin() + static_cast<std::ptrdiff_t>(one.offset));
  }
  return 0;
}
