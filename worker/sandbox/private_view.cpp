#include "worker/sandbox/private_view.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <set>
#include <string_view>
#include <utility>

#include "worker/sandbox/landlock.h"

namespace charter::worker {
namespace {

constexpr const char* kTmp = "/tmp";
constexpr const char* kSharedMemory = "/dev/shm";

// Through these, others would start processes on the asker's behalf, outside of all this.
constexpr std::array<std::string_view, 12> kServants = {"/run/dbus",
                                                        "/run/systemd/private",
                                                        "/run/docker.sock",
                                                        "/run/containerd",
                                                        "/run/podman",
                                                        "/run/crio",
                                                        "/run/libvirt",
                                                        "/run/snapd.socket",
                                                        "/run/lxd.socket",
                                                        "/var/lib/lxd/unix.socket",
                                                        "/var/lib/incus/unix.socket",
                                                        "/run/incus"};

ipc::Error failure(std::string_view what, std::string_view path) {
  return ipc::errno_error(std::string(what) + " " + std::string(path));
}

ipc::Result<void> put(const char* path, std::string_view text) {
  const ipc::UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
  if (!file || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return failure("write", path);
  }
  return {};
}

// The same user and group inside as outside: one of each is all that may be mapped without
// privileges.
ipc::Result<void> map_ids(uid_t uid, gid_t gid) {
  if (auto set = put("/proc/self/setgroups", "deny"); !set) return set;
  const std::string user = std::to_string(uid) + " " + std::to_string(uid) + " 1";
  const std::string group = std::to_string(gid) + " " + std::to_string(gid) + " 1";
  if (auto set = put("/proc/self/uid_map", user); !set) return set;
  return put("/proc/self/gid_map", group);
}

ipc::Result<ipc::UniqueFd> copy_of(const std::string& path) {
  ipc::UniqueFd tree(
      ::open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | AT_RECURSIVE | OPEN_TREE_CLOEXEC));
  if (!tree) return failure("copy the mount of", path);
  return tree;
}

ipc::Result<void> put_at(const ipc::UniqueFd& tree, const std::string& path) {
  if (::move_mount(tree.get(), "", AT_FDCWD, path.c_str(), MOVE_MOUNT_F_EMPTY_PATH) == 0) return {};
  return failure("mount at", path);
}

std::string real(const std::string& path) {
  std::array<char, PATH_MAX> found{};
  return ::realpath(path.c_str(), found.data()) == nullptr ? std::string() : found.data();
}

bool is_below(std::string_view path, std::string_view directory) {
  return path.size() > directory.size() && path.starts_with(directory) &&
         path[directory.size()] == '/';
}

// A directory shows nothing, and takes nothing; a file is empty, and no socket.
ipc::Result<void> hide(const std::string& path) {
  const std::string place = real(path);
  struct stat info = {};
  if (place.empty() || ::stat(place.c_str(), &info) != 0) return {};
  if (!S_ISDIR(info.st_mode)) {
    const auto nothing = copy_of("/dev/null");
    return nothing ? put_at(*nothing, place) : ipc::Result<void>(nothing.error());
  }
  constexpr unsigned long kFlags = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC;
  if (::mount("charter", place.c_str(), "tmpfs", kFlags, "size=4k,mode=0555") == 0) return {};
  return failure("hide", place);
}

// A project below /tmp is to be found below the run's own.
ipc::Result<void> make_way(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string directory = path.substr(0, at);
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
      return failure("create directory", directory);
    }
  }
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) return failure("create directory", path);
  return {};
}

// What a mount lies on cannot be moved away: neither can the directories, then, below which
// something is hidden from the project's processes and from nobody else.
ipc::Result<void> pin(const ViewOrder& order) {
  std::set<std::string> pinned;
  for (const std::string& path : order.hidden) {
    const std::string place = real(path);
    if (!is_below(place, order.root)) continue;
    for (std::size_t at = place.find('/', order.root.size() + 1); at != std::string::npos;
         at = place.find('/', at + 1)) {
      const std::string directory = place.substr(0, at);
      if (!pinned.insert(directory).second) continue;
      const auto tree = copy_of(directory);
      if (!tree) return tree.error();
      if (auto done = put_at(*tree, directory); !done) return done;
    }
  }
  return {};
}

ipc::Result<void> forbid_writing() {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID;
  if (::mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attributes, sizeof attributes) == 0) return {};
  return ipc::errno_error("make every mount read-only");
}

// Nothing of this is seen outside. The project's copy is made before everything becomes read-only,
// and so is not.
ipc::Result<void> arrange(const ViewOrder& order) {
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return ipc::errno_error("make every mount private");
  }
  auto project = copy_of(order.root);
  if (!project) return project.error();
  std::vector<std::pair<ipc::UniqueFd, std::string>> temporary;
  for (const char* path : {kTmp, "/var/tmp"}) {
    struct stat info = {};
    if (::lstat(path, &info) != 0 || !S_ISDIR(info.st_mode)) continue;
    auto tree = copy_of(order.tmp);
    if (!tree) return tree.error();
    temporary.emplace_back(std::move(*tree), path);
  }
  if (auto done = forbid_writing(); !done) return done;
  for (const auto& [tree, path] : temporary) {
    if (auto done = put_at(tree, path); !done) return done;
    if (!is_below(order.root, path)) continue;
    if (auto done = make_way(order.root); !done) return done;
  }
  if (auto done = put_at(*project, order.root); !done) return done;
  if (auto done = pin(order); !done) return done;
  if (::mount("charter", kSharedMemory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777") != 0 &&
      errno != ENOENT) {
    return failure("mount", kSharedMemory);
  }
  for (const std::string& path : order.hidden) {
    if (auto done = hide(path); !done) return done;
  }
  for (const std::string_view path : kServants) {
    if (auto done = hide(std::string(path)); !done) return done;
  }
  return hide("/run/user/" + std::to_string(::geteuid()));
}

// The descriptors the child leaves behind, in a table it shares with its parent. Their numbers are
// taken before, by files of no use.
ipc::Result<void> leave(PrivateView& view, const ViewOrder& order, int landlock) {
  LandlockScope scope;
  scope.writable = {order.root, kTmp, "/var/tmp", kSharedMemory};
  const auto rules = landlock_rules(landlock, scope);
  if (!rules) return rules.error();
  if (order.outer_rules >= 0) {
    auto allowed = landlock_allow_writing(order.outer_rules, landlock, kSharedMemory);
    if (!allowed) return allowed;
  }
  const ipc::UniqueFd mounts(::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC));
  if (!mounts) return ipc::errno_error("open /proc/self/ns/mnt");
  if (::dup3(rules->get(), view.rules.get(), O_CLOEXEC) < 0 ||
      ::dup3(mounts.get(), view.mounts.get(), O_CLOEXEC) < 0) {
    return ipc::errno_error("place a descriptor");
  }
  if (!view.users) return {};
  const ipc::UniqueFd users(::open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC));
  if (!users || ::dup3(users.get(), view.users.get(), O_CLOEXEC) < 0) {
    return ipc::errno_error("open /proc/self/ns/user");
  }
  return {};
}

struct Failed {
  int code = 0;
  std::array<char, 512> what{};
};

[[noreturn]] void tell(int pipe, const ipc::Error& error) {
  Failed failed;
  failed.code = error.code.value();
  std::strncpy(failed.what.data(), error.what.c_str(), failed.what.size() - 1);
  [[maybe_unused]] const ssize_t put = ::write(pipe, &failed, sizeof failed);
  ::_exit(1);
}

pid_t fork_into(unsigned long namespaces) {
  return static_cast<pid_t>(
      ::syscall(SYS_clone, CLONE_FILES | namespaces | SIGCHLD, nullptr, nullptr, nullptr, 0UL));
}

ipc::Result<PrivateView> attempt(const ViewOrder& order, int landlock, bool own_users) {
  PrivateView view;
  for (ipc::UniqueFd* place : {&view.mounts, &view.rules, own_users ? &view.users : nullptr}) {
    if (place == nullptr) continue;
    place->reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!*place) return ipc::errno_error("open /dev/null");
  }
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC | O_NONBLOCK) != 0) return ipc::errno_error("pipe");
  const ipc::UniqueFd reading(pipe[0]);
  const ipc::UniqueFd writing(pipe[1]);
  const uid_t uid = ::geteuid();
  const gid_t gid = ::getegid();
  const pid_t child = fork_into(CLONE_NEWNS | (own_users ? CLONE_NEWUSER : 0UL));
  if (child < 0) return ipc::errno_error("make a mount namespace");
  if (child == 0) {
    if (own_users) {
      if (auto mapped = map_ids(uid, gid); !mapped) tell(writing.get(), mapped.error());
    }
    if (auto arranged = arrange(order); !arranged) tell(writing.get(), arranged.error());
    if (auto left = leave(view, order, landlock); !left) tell(writing.get(), left.error());
    ::_exit(0);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return view;
  Failed failed;
  if (::read(reading.get(), &failed, sizeof failed) != sizeof failed) {
    return ipc::plain_error("making a mount namespace ended unexpectedly");
  }
  return ipc::Error{{failed.code, std::system_category()}, failed.what.data()};
}

}  // namespace

ipc::Result<PrivateView> make_private_view(const ViewOrder& order, int landlock) {
  auto view = attempt(order, landlock, false);
  // Without the privilege, there is it within a user namespace of one's own.
  if (view || view.error().code != std::errc::operation_not_permitted) return view;
  return attempt(order, landlock, true);
}

int enter_view(int users, int mounts, const char* root) {
  if (users >= 0 && ::setns(users, CLONE_NEWUSER) != 0) return errno;
  if (::setns(mounts, CLONE_NEWNS) != 0) return errno;
  return ::chdir(root) == 0 ? 0 : errno;
}

}  // namespace charter::worker
