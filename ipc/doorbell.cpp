#include "ipc/doorbell.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "ipc/layout.h"
#include "ipc/message.h"
#include "ipc/peer.h"
#include "ipc/schema.h"
#include "ipc/versions.h"

namespace charter::ipc {
namespace {

using message::data;
using message::str;
using message::text;

constexpr std::int64_t kRetryMs = 100;
constexpr int kBacklog = 4096;  // every engine of a restarted supervisor may call at once

Result<sockaddr_un> address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() > kMaxSocketPath) {
    return plain_error("a socket path of " + std::to_string(path.size()) + " bytes, at most " +
                       std::to_string(kMaxSocketPath) + " are possible: " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

UniqueFd new_socket() {
  return UniqueFd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

bool send_packet(int fd, const void* bytes, std::size_t size) {
  ssize_t sent = 0;
  do {
    sent = ::send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
  } while (sent < 0 && errno == EINTR);
  return sent == static_cast<ssize_t>(size);
}

Result<Hello> read_hello(schema::Hello::Reader in) {
  if (!readable(in.getVersion(), kDoorbellVersion)) {
    return message::version_error("doorbell", in.getVersion(), kDoorbellVersion);
  }
  return Hello{in.getVersion(), str(in.getRunId()), str(in.getSecret()), in.getPid()};
}

// Only this user may have put names into the directory of the socket: whoever could replace it
// would hear the engines' secrets.
Result<void> check_private_directory(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "."
                                : slash == 0               ? "/"
                                                           : path.substr(0, slash);
  struct stat info {};
  if (::lstat(directory.c_str(), &info) != 0) return errno_error("look at " + directory);
  if (!S_ISDIR(info.st_mode) || info.st_uid != ::geteuid() || (info.st_mode & 077U) != 0) {
    return plain_error(directory + " is not a private directory of this user");
  }
  return {};
}

// Removes a socket that nobody listens on any more; anything else in its place stays.
Result<void> remove_stale(const std::string& path, const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return {};
    return errno_error("look at " + path);
  }
  if (!S_ISSOCK(info.st_mode)) return plain_error(path + " exists and is not a socket");
  const UniqueFd probe = new_socket();
  if (!probe) return errno_error("create a socket");
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ||
      errno != ECONNREFUSED) {
    return Error{std::make_error_code(std::errc::address_in_use), "listen on " + path};
  }
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return errno_error("remove " + path);
  return {};
}

}  // namespace

std::string encode(const Hello& hello) {
  const std::size_t bytes = hello.run_id.size() + hello.secret.size();
  return message::write<schema::Hello>(bytes, [&](auto out) {
    out.setVersion(hello.version);
    out.setRunId(text(hello.run_id));
    out.setSecret(data(hello.secret));
    out.setPid(hello.pid);
  });
}

Result<Hello> decode_hello(std::string_view packet) {
  return message::read<schema::Hello>(packet, "hello", read_hello);
}

bool Doorbell::connect() {
  const std::int64_t now = boot_ms();
  if (now - last_try_ms_ < kRetryMs) return false;
  last_try_ms_ = now;
  const auto address = address_of(path_);
  UniqueFd fd = new_socket();
  if (!address || !fd) return false;
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
    return false;
  }
  const std::string hello = encode(hello_);
  if (!send_packet(fd.get(), hello.data(), hello.size())) return false;
  fd_ = std::move(fd);
  return true;
}

// A full queue holds a ring already, and whoever takes it from there reads the journal to its end.
void Doorbell::ring(std::uint64_t length) {
  if (!fd_ && !connect()) return;
  if (send_packet(fd_.get(), &length, sizeof length) || errno == EAGAIN) return;
  fd_.reset();
  if (connect()) (void)send_packet(fd_.get(), &length, sizeof length);
}

void Doorbell::keep_alive(std::uint64_t length) {
  if (fd_) {
    char byte = 0;
    const ssize_t got = ::recv(fd_.get(), &byte, sizeof byte, MSG_DONTWAIT | MSG_PEEK);
    if (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR))) return;
    fd_.reset();
  }
  ring(length);
}

Result<UniqueFd> listen_doorbell(const std::string& path) {
  const auto address = address_of(path);
  if (!address) return address.error();
  if (auto checked = check_private_directory(path); !checked) return checked.error();
  if (auto removed = remove_stale(path, *address); !removed) return removed.error();
  UniqueFd fd = new_socket();
  if (!fd) return errno_error("create a socket");
  // Before the name exists: it is born with this mode.
  if (::fchmod(fd.get(), 0600) != 0) return errno_error("set the mode of " + path);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
      ::listen(fd.get(), kBacklog) != 0) {
    return errno_error("listen on " + path);
  }
  return fd;
}

Result<std::uint64_t> decode_ring(std::string_view packet) {
  std::uint64_t length = 0;
  if (packet.size() != sizeof length) return plain_error("malformed ring");
  std::memcpy(&length, packet.data(), sizeof length);
  return length;
}

}  // namespace charter::ipc
