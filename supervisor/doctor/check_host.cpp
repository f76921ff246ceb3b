// Disk and kernel: what the daemon's promises need.
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "ipc/text_file.h"
#include "ipc/unique_fd.h"
#include "supervisor/doctor/subject.h"
#include "supervisor/run_limits.h"

namespace charter::supervisor {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMebi = 1U << 20;
// The daemon keeps 4 MiB for last words and takes no runs with less than 4 MiB beside them.
constexpr std::uint64_t kLeastFree = 8 * kMebi;
constexpr std::uint64_t kLittleFree = 256 * kMebi;
constexpr std::uint64_t kFewInodes = 1000;
constexpr std::size_t kMostControllers = 4096;  // bytes of their names
constexpr unsigned kLandlockVersion = 1;        // LANDLOCK_CREATE_RULESET_VERSION

struct FileSystem {
  long magic;
  const char* name;
  const char* trouble;  // nullptr: none
};
constexpr const char* kRemote = "locks and syncs of other machines are not to be relied on";
constexpr const char* kLayered = "what is in a lower layer is copied up, and syncs may be lost";
constexpr std::array kFileSystems{FileSystem{0xEF53, "ext4", nullptr},
                                  FileSystem{0x58465342, "xfs", nullptr},
                                  FileSystem{0x9123683E, "btrfs", nullptr},
                                  FileSystem{0x2FC12FC1, "zfs", nullptr},
                                  FileSystem{0xF2F52010, "f2fs", nullptr},
                                  FileSystem{0x01021994, "tmpfs", "it is gone with the machine"},
                                  FileSystem{0x6969, "nfs", kRemote},
                                  FileSystem{0xFF534D42, "cifs", kRemote},
                                  FileSystem{0xFE534D42, "smb", kRemote},
                                  FileSystem{0x01021997, "9p", kRemote},
                                  FileSystem{0x65735546, "fuse", kRemote},
                                  FileSystem{0x794C7630, "overlay", kLayered}};

// The nearest directory at or above the path that is there.
std::string existing(std::string path) {
  std::error_code ec;
  while (path.size() > 1 && !fs::exists(path, ec)) path = fs::path(path).parent_path().string();
  return path;
}

void check_disk(const std::string& data, Report& report) {
  const std::string place = existing(data);
  struct statvfs space {};
  struct statfs kind {};
  if (::statvfs(place.c_str(), &space) != 0 || ::statfs(place.c_str(), &kind) != 0) {
    return report.fail("disk", place + ": " + std::strerror(errno), "see to the file system");
  }
  if (::access(place.c_str(), W_OK | X_OK) != 0) {
    return report.fail("disk", place + " cannot be written: " + std::strerror(errno),
                       "let the daemon's user write there, or move --data-dir");
  }
  const std::uint64_t free = std::uint64_t{space.f_bavail} * space.f_frsize;
  std::string what = std::to_string(free / kMebi) + " MiB free";
  if (space.f_files > 0) what += ", " + std::to_string(space.f_favail) + " inodes";
  what += " for " + data;
  if (free < kLeastFree) {
    report.fail("disk", what + ": too little for new runs", "make space, or move --data-dir");
  } else if (free < kLittleFree || (space.f_files > 0 && space.f_favail < kFewInodes)) {
    report.warn("disk", what,
                "make space: --retain and --retain-bytes keep journals for less long");
  } else {
    report.ok("disk", what);
  }
  for (const FileSystem& one : kFileSystems) {
    if (one.magic != static_cast<long>(kind.f_type & 0xFFFFFFFF)) continue;
    if (one.trouble == nullptr) return report.ok("filesystem", one.name);
    return report.warn("filesystem", std::string(one.name) + ": " + one.trouble,
                       "put the daemon's data on a local disk with --data-dir");
  }
  report.ok("filesystem", "of a kind that is not known here");
}

// This process's group of version 2, as a directory; empty: there is none that it can see.
std::string own_group() {
  const std::string group = own_group_tree().unified;
  return ::access((group + "/cgroup.procs").c_str(), F_OK) == 0 ? group : std::string();
}

bool limits_wanted(const Subject& subject) {
  if (!subject.options) return false;
  const StartOptions& options = *subject.options;
  return options.run_memory_max > 0 || options.run_pids_max > 0 || options.run_cpu_max > 0;
}

void check_cgroup(const Subject& subject, Report& report) {
  const std::string group = own_group();
  const char* remedy = kDelegate;
  if (group.empty()) {
    const std::string what = "this host shows no control group of version 2";
    if (limits_wanted(subject)) return report.warn("cgroup", what, remedy);
    return report.ok("cgroup", what + "; only limits on runs need one");
  }
  const bool ours =
      ::access((group + "/cgroup.procs").c_str(), W_OK) == 0 && ::access(group.c_str(), W_OK) == 0;
  std::string controllers = ipc::text_of_file(group + "/cgroup.controllers", kMostControllers);
  if (controllers.ends_with('\n')) controllers.pop_back();
  const std::string what = group + (ours ? ", delegated" : ", not delegated") +
                           "; controllers: " + (controllers.empty() ? "none" : controllers);
  if (!ours && limits_wanted(subject)) return report.warn("cgroup", what, remedy);
  report.ok("cgroup", what);
}

// Whether a child can do it; what it does stays with the child.
bool child_can(bool (*attempt)()) {
  const pid_t pid = ::fork();
  if (pid < 0) return false;
  if (pid == 0) ::_exit(attempt() ? 0 : 1);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

void check_kernel(const Subject& subject, Report& report) {
  const bool sandbox = subject.options && subject.options->sandbox;
  const ipc::UniqueFd self(static_cast<int>(::syscall(SYS_pidfd_open, ::getpid(), 0)));
  if (self) {
    report.ok("pidfd", "processes are signalled without mistaking one for another");
  } else {
    report.fail("pidfd", std::string("pidfd_open: ") + std::strerror(errno),
                "Linux 5.3 or newer is needed, and a container that allows the call");
  }
  const std::string group = own_group();
  if (!group.empty() && ::access((group + "/cgroup.kill").c_str(), F_OK) == 0) {
    report.ok("cgroup.kill", "runs in control groups end at once");
  } else {
    report.ok("cgroup.kill", "not here; runs are ended process by process");
  }
  const auto lacks = [&](const char* name, const std::string& what, const char* remedy) {
    if (sandbox) return report.fail(name, what, remedy);
    report.warn(name, what + "; only sandboxes need it", remedy);
  };
  const long landlock = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, kLandlockVersion);
  if (landlock > 0) {
    report.ok("landlock", "version " + std::to_string(landlock));
  } else {
    lacks("landlock", "not to be had: " + std::string(std::strerror(errno)),
          "boot a kernel of 5.13 or newer with landlock in lsm=");
  }
  unsigned action = SECCOMP_RET_ERRNO;
  if (::syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0) {
    report.ok("seccomp", "system calls can be filtered");
  } else {
    lacks("seccomp", "not to be had: " + std::string(std::strerror(errno)),
          "a kernel with CONFIG_SECCOMP_FILTER is needed");
  }
  const bool namespaces = child_can([] {
    return ::geteuid() == 0 ? ::unshare(CLONE_NEWNS) == 0
                            : ::unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0;
  });
  if (namespaces) {
    report.ok("userns", "mount namespaces can be made: sandboxes hide what is not the project's");
  } else {
    report.warn("userns", "no mount namespace can be made: sandboxes stay at level 1",
                "allow user namespaces (user.max_user_namespaces, kernel.apparmor_restrict_"
                "unprivileged_userns), or run the daemon as root");
  }
}

}  // namespace

void check_host(const Subject& subject, Report& report) {
  if (subject.layout) check_disk(subject.layout->data_dir(), report);
  check_cgroup(subject, report);
  check_kernel(subject, report);
}

}  // namespace charter::supervisor
