#include "supervisor/socket_place.h"

#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "ipc/layout.h"

namespace charter::supervisor {
namespace {

constexpr int kBacklog = 4096;
constexpr const char* kName = "socket";

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), std::min(path.size(), sizeof address.sun_path - 1));
  return address;
}

// Whether something listens at `path`. Any doubt is an error: what cannot be probed is not removed.
ipc::Result<bool> answers(const std::string& path) {
  const ipc::UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe) return ipc::errno_error("create a socket");
  const sockaddr_un address = address_of(path);
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno == EAGAIN || errno == EINPROGRESS) {
    return true;
  }
  if (errno == ECONNREFUSED) return false;
  return ipc::errno_error("connect to " + path);
}

// Whether the place is free (false) or holds a stale socket of ours (true).
ipc::Result<bool> holds_stale_socket(const std::string& path) {
  struct stat info = {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return false;
    return ipc::errno_error("look at " + path);
  }
  if (S_ISLNK(info.st_mode)) return ipc::plain_error("Socket path is a symbolic link: " + path);
  if (!S_ISSOCK(info.st_mode)) {
    return ipc::plain_error("Socket path exists and is not a socket: " + path);
  }
  if (info.st_uid != ::geteuid()) {
    return ipc::plain_error(
        fmt::format("Socket path belongs to another user (uid {}): {}", info.st_uid, path));
  }
  auto live = answers(path);
  if (!live) return live.error();
  if (*live) return ipc::plain_error("charter-daemon is already listening on " + path);
  return true;
}

ipc::Result<void> make_parents(const std::string& path) {
  for (std::size_t at = path.find('/', 1); at != std::string::npos; at = path.find('/', at + 1)) {
    const std::string directory = path.substr(0, at);
    if (::mkdir(directory.c_str(), 0755) != 0 && errno != EEXIST) {
      return ipc::errno_error("create directory " + directory);
    }
  }
  return {};
}

// A directory of ours alone, in which the socket is born.
class Nursery {
 public:
  ~Nursery() {
    if (path_.empty()) return;
    if (directory_) ::unlinkat(directory_.get(), kName, 0);
    ::rmdir(path_.c_str());
  }
  ipc::Result<void> open(const std::string& beside) {
    std::string made = beside.substr(0, beside.rfind('/')) + "/.charter-socket-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr) return ipc::errno_error("create a directory in " + made);
    path_ = std::move(made);
    directory_.reset(::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory_) return ipc::errno_error("open " + path_);
    return {};
  }
  // The longer path of the nursery need not fit into an address: it goes through the descriptor.
  [[nodiscard]] std::string short_path() const {
    return fmt::format("/proc/self/fd/{}/{}", directory_.get(), kName);
  }
  [[nodiscard]] int directory() const { return directory_.get(); }

 private:
  std::string path_;
  ipc::UniqueFd directory_;
};

ipc::Result<ipc::UniqueFd> listen_in(const Nursery& nursery) {
  ipc::UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return ipc::errno_error("create a socket");
  // Before the name exists: it is born with this mode.
  if (::fchmod(socket.get(), 0600) != 0) return ipc::errno_error("set the socket's mode");
  const sockaddr_un address = address_of(nursery.short_path());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return ipc::errno_error("bind the socket");
  }
  if (::fchmodat(nursery.directory(), kName, 0600, 0) != 0) {
    return ipc::errno_error("set the socket's mode");
  }
  if (::listen(socket.get(), kBacklog) != 0) return ipc::errno_error("listen on the socket");
  return socket;
}

}  // namespace

ipc::Result<SocketPlace> SocketPlace::take(const std::string& path) {
  if (path.size() > ipc::kMaxSocketPath) {
    return ipc::plain_error(fmt::format(
        "The socket path has {} bytes, at most {} are possible; choose a shorter one with "
        "CHARTER_DAEMON_SOCKET: {}",
        path.size(), ipc::kMaxSocketPath, path));
  }
  if (auto made = make_parents(path); !made) return made.error();
  auto stale = holds_stale_socket(path);
  if (!stale) return stale.error();
  Nursery nursery;
  if (auto opened = nursery.open(path); !opened) return opened.error();
  auto listener = listen_in(nursery);
  if (!listener) return listener.error();
  struct stat info = {};
  if (::fstatat(nursery.directory(), kName, &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return ipc::errno_error("look at the socket");
  }
  // An empty place must still be empty: whoever came first keeps it.
  const unsigned flags = *stale ? 0U : RENAME_NOREPLACE;
  if (::renameat2(nursery.directory(), kName, AT_FDCWD, path.c_str(), flags) != 0) {
    return ipc::errno_error("place the socket at " + path);
  }
  return SocketPlace(path, std::move(*listener), info.st_dev, info.st_ino);
}

void SocketPlace::remove() {
  struct stat info = {};
  if (path_.empty() || ::lstat(path_.c_str(), &info) != 0) return;
  if (info.st_dev == device_ && info.st_ino == inode_) ::unlink(path_.c_str());
}

}  // namespace charter::supervisor
