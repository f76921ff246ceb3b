#include "worker/sandbox/landlock.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace charter::worker {
namespace {

// Of <linux/landlock.h>, which knows less than the kernel where the build machine is older.
constexpr std::uint64_t kExecute = 1U << 0;
constexpr std::uint64_t kWriteFile = 1U << 1;
constexpr std::uint64_t kReadFile = 1U << 2;
constexpr std::uint64_t kReadDir = 1U << 3;
constexpr std::uint64_t kMakeChar = 1U << 6;
constexpr std::uint64_t kMakeBlock = 1U << 11;
constexpr std::uint64_t kFirstVersion = (1U << 13) - 1;
constexpr std::uint64_t kRefer = 1U << 13;
constexpr std::uint64_t kTruncate = 1U << 14;
constexpr std::uint64_t kIoctlDevice = 1U << 15;
constexpr std::uint64_t kScopeAbstractSockets = 1U << 0;
constexpr std::uint64_t kScopeSignals = 1U << 1;
constexpr int kReferVersion = 2;
constexpr int kTruncateVersion = 3;
constexpr int kNetVersion = 4;
constexpr int kIoctlVersion = 5;
constexpr int kScopeVersion = 6;

constexpr unsigned kAskVersion = 1U << 0;
constexpr int kPathBeneath = 1;

struct RulesetAttr {
  std::uint64_t files = 0;
  std::uint64_t net = 0;
  std::uint64_t scoped = 0;
};
struct [[gnu::packed]] PathBeneathAttr {
  std::uint64_t allowed = 0;
  std::int32_t parent = -1;
};

// What every program may have to write to. None of them keeps anything.
constexpr std::array<const char*, 8> kDevices = {"/dev/null",   "/dev/zero",    "/dev/full",
                                                 "/dev/random", "/dev/urandom", "/dev/tty",
                                                 "/dev/ptmx",   "/dev/pts"};

std::uint64_t known_rights(int version) {
  std::uint64_t rights = kFirstVersion;
  if (version >= kReferVersion) rights |= kRefer;
  if (version >= kTruncateVersion) rights |= kTruncate;
  if (version >= kIoctlVersion) rights |= kIoctlDevice;
  return rights;
}

std::size_t attr_size(int version) {
  if (version >= kScopeVersion) return sizeof(RulesetAttr);
  return version >= kNetVersion ? offsetof(RulesetAttr, scoped) : offsetof(RulesetAttr, net);
}

// Allows `rights` at what the path means; a file can only be given what a file has. What is not
// there needs no rule.
ipc::Result<void> allow(int rules, const std::string& path, std::uint64_t rights) {
  const ipc::UniqueFd place(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!place) {
    if (errno == ENOENT || errno == EACCES || errno == ELOOP) return {};
    return ipc::errno_error("open " + path);
  }
  struct stat info = {};
  if (::fstat(place.get(), &info) != 0) return ipc::errno_error("look at " + path);
  PathBeneathAttr rule;
  rule.allowed = rights;
  if (!S_ISDIR(info.st_mode)) {
    rule.allowed &= kExecute | kWriteFile | kReadFile | kTruncate | kIoctlDevice;
  }
  rule.parent = place.get();
  if (rule.allowed == 0) return {};
  if (::syscall(SYS_landlock_add_rule, rules, kPathBeneath, &rule, 0) == 0) return {};
  // A pipe, socket or other thing that has no place in a file system is nobody's.
  if (errno == EBADFD) return {};
  return ipc::errno_error("allow " + path + " by Landlock");
}

// Files directly below the root and those below its directories, but for /dev: whoever may read
// a disk as a device may read what is hidden from it as a file.
ipc::Result<void> allow_reading(int rules) {
  if (auto allowed = allow(rules, "/", kExecute | kReadDir); !allowed) return allowed;
  const std::unique_ptr<DIR, int (*)(DIR*)> root(::opendir("/"), &::closedir);
  if (!root) return ipc::errno_error("open directory /");
  while (const dirent* entry = ::readdir(root.get())) {
    const std::string_view name(entry->d_name);
    if (name == "." || name == ".." || name == "dev") continue;
    if (auto allowed = allow(rules, "/" + std::string(name), kReadFile); !allowed) return allowed;
  }
  return {};
}

}  // namespace

ipc::Result<int> landlock_version() {
  const long version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kAskVersion);
  if (version < 0 && errno == ENOSYS) {
    return ipc::plain_error("this kernel has no Landlock (since 5.13; CONFIG_SECURITY_LANDLOCK)");
  }
  if (version < 0 && errno == EOPNOTSUPP) {
    return ipc::plain_error("Landlock is switched off at boot (lsm=)");
  }
  if (version < 0) return ipc::errno_error("Landlock: landlock_create_ruleset");
  return static_cast<int>(version);
}

std::vector<std::string> landlock_gaps(int version) {
  std::vector<std::string> gaps;
  if (version < kReferVersion) {
    gaps.emplace_back(
        "nothing can be moved or linked from one directory to another: Landlock 1 forbids it "
        "everywhere (2 since Linux 5.19)");
  }
  if (version < kTruncateVersion) {
    gaps.emplace_back("files elsewhere can be emptied: truncation needs Landlock 3 (Linux 6.2)");
  }
  if (version < kIoctlVersion) {
    gaps.emplace_back(
        "devices that can be opened take any ioctl: that needs Landlock 5 (Linux 6.10)");
  }
  if (version < kScopeVersion) {
    gaps.emplace_back(
        "the user's other processes can be signalled, and reached by abstract sockets: that needs "
        "Landlock 6 (Linux 6.12)");
  }
  return gaps;
}

ipc::Result<ipc::UniqueFd> landlock_rules(int version, const LandlockScope& scope) {
  RulesetAttr attr;
  attr.files = known_rights(version);
  if (scope.all_devices) attr.files &= ~kIoctlDevice;
  if (scope.apart && version >= kScopeVersion) attr.scoped = kScopeAbstractSockets | kScopeSignals;
  ipc::UniqueFd rules(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attr, attr_size(version), 0)));
  if (!rules) return ipc::errno_error("Landlock: landlock_create_ruleset");
  if (!scope.all_devices) {
    if (auto allowed = allow_reading(rules.get()); !allowed) return allowed.error();
  } else if (auto allowed = allow(rules.get(), "/", kExecute | kReadDir | kReadFile); !allowed) {
    return allowed.error();
  }
  for (const char* device : kDevices) {
    constexpr std::uint64_t kUse = kReadFile | kReadDir | kWriteFile | kTruncate | kIoctlDevice;
    if (auto allowed = allow(rules.get(), device, kUse & attr.files); !allowed) {
      return allowed.error();
    }
  }
  for (const std::string& directory : scope.writable) {
    if (auto allowed = landlock_allow_writing(rules.get(), version, directory); !allowed) {
      return allowed.error();
    }
  }
  return rules;
}

ipc::Result<void> landlock_allow_writing(int rules, int version, const std::string& directory) {
  return allow(rules, directory, known_rights(version) & ~(kMakeChar | kMakeBlock | kIoctlDevice));
}

int landlock_restrict(int rules) {
  return ::syscall(SYS_landlock_restrict_self, rules, 0) == 0 ? 0 : errno;
}

}  // namespace charter::worker
