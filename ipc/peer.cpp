#include "ipc/peer.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <ctime>
#include <limits>
#include <string_view>

namespace charter::ipc {
namespace {

// The first bytes of a file under /proc; empty when it cannot be read.
std::string read_small(const char* path) {
  const UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  char buffer[4096];
  ssize_t got = 0;
  do {
    got = ::read(fd.get(), buffer, sizeof buffer);
  } while (got < 0 && errno == EINTR);
  return got > 0 ? std::string(buffer, static_cast<std::size_t>(got)) : std::string();
}

// By number: the C library's own declarations of these two do not link from C++.
int open_pidfd(pid_t pid) { return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)); }
int send_signal(int pidfd, int signal, siginfo_t* info) {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, info, 0));
}

}  // namespace

Result<Peer> peer_of(int socket) {
  ucred credentials{};
  socklen_t size = sizeof credentials;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &credentials, &size) != 0) {
    return errno_error("ask who a peer is");
  }
  return Peer{credentials.pid, credentials.uid};
}

// The name in field 2 may hold spaces and brackets, so fields are counted from the last ')'.
std::optional<ProcessStat> process_stat(pid_t pid) {
  const std::string stat = read_small(("/proc/" + std::to_string(pid) + "/stat").c_str());
  const std::size_t bracket = stat.rfind(')');
  if (bracket == std::string::npos) return std::nullopt;
  ProcessStat found;
  const auto read = [&stat](std::size_t space, auto& number) {
    const char* end = stat.data() + stat.size();
    return std::from_chars(stat.data() + space + 1, end, number).ec == std::errc();
  };
  std::size_t at = bracket + 1;  // the space before field 3
  for (int field = 3; field < 22; ++field) {
    at = stat.find(' ', at + 1);
    if (at == std::string::npos) return std::nullopt;
    if (field == 3 && !read(at, found.parent)) return std::nullopt;
  }
  if (!read(at, found.start)) return std::nullopt;
  return found;
}

std::optional<std::uint64_t> start_time(pid_t pid) {
  const auto found = process_stat(pid);
  return found ? std::optional(found->start) : std::nullopt;
}

std::string boot_id() {
  std::string id = read_small("/proc/sys/kernel/random/boot_id");
  if (!id.empty() && id.back() == '\n') id.pop_back();
  return id;
}

std::uint64_t pid_namespace() {
  struct stat info {};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

// The pidfd is opened first: from then on the number cannot pass to another process unseen, so a
// start time that is right afterwards was right when it was opened.
UniqueFd open_process(pid_t pid, std::uint64_t start) {
  if (pid <= 0) return {};
  UniqueFd process(open_pidfd(pid));
  if (!process || start_time(pid) != start) return {};
  return process;
}

Result<void> signal_process(int pidfd, int signal) {
  if (send_signal(pidfd, signal, nullptr) != 0) {
    return errno_error("send signal " + std::to_string(signal));
  }
  return {};
}

int kill_signal() { return SIGRTMIN + 1; }

Result<void> request_kill(int pidfd, std::uint32_t grace_ms) {
  siginfo_t info{};
  info.si_signo = kill_signal();
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_int =
      static_cast<int>(std::min<std::uint32_t>(grace_ms, std::numeric_limits<std::int32_t>::max()));
  if (send_signal(pidfd, info.si_signo, &info) != 0) {
    return errno_error("ask a guardian to end its run");
  }
  return {};
}

std::int64_t boot_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

}  // namespace charter::ipc
