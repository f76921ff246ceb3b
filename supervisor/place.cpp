#include "supervisor/place.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <spdlog/fmt/fmt.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cstring>

#include "ipc/job.h"
#include "ipc/unique_fd.h"
#include "ipc/versions.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kMachineIdLimit = 64;

std::string machine_id() {
  const ipc::UniqueFd file(::open("/etc/machine-id", O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  auto text = ipc::read_all(file.get(), kMachineIdLimit);
  if (!text) return {};
  return text->substr(0, text->find('\n'));
}

// ext4 and btrfs derive the file system id from their UUID; others from the device number, which
// may change without any restore.
std::string filesystem_of(const std::string& directory) {
  struct statfs info = {};
  if (::statfs(directory.c_str(), &info) != 0) return {};
  const auto type = static_cast<unsigned long>(info.f_type);
  if (type != EXT4_SUPER_MAGIC && type != BTRFS_SUPER_MAGIC) return {};
  std::uint64_t id = 0;
  static_assert(sizeof info.f_fsid == sizeof id);
  std::memcpy(&id, &info.f_fsid, sizeof id);
  return fmt::format("{:x}-{:016x}", type, id);
}

}  // namespace

ipc::Result<ipc::Place> place_of(const std::string& directory) {
  struct stat info = {};
  if (::stat(directory.c_str(), &info) != 0) return ipc::errno_error("stat " + directory);
  return ipc::Place{ipc::kLedgerVersion, info.st_ino, machine_id(), filesystem_of(directory)};
}

std::string place_difference(const ipc::Place& recorded, const ipc::Place& here) {
  if (recorded.inode != here.inode) return "its directory is another one than it was written in";
  const auto differ = [](const std::string& one, const std::string& other) {
    return !one.empty() && !other.empty() && one != other;
  };
  if (differ(recorded.machine_id, here.machine_id)) return "it was written on another machine";
  if (differ(recorded.filesystem, here.filesystem)) return "it was written on another file system";
  return {};
}

}  // namespace charter::supervisor
