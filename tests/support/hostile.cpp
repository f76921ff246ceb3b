// A step that tries to get out of its sandbox. `hostile PROJECT OUTSIDE DAEMON NOTE` prints a line
// for each way: its name, and "out" or the error that kept it in. `hostile --without-namespaces
// PROGRAM ARGUMENTS…` executes a program for which there are no new namespaces.
//
// OUTSIDE is a directory of this user's with a file "victim" in it; DAEMON is the daemon's pid;
// NOTE a file of somebody else's in /tmp, which everybody may read. It does harm where it gets out:
// not for use without a sandbox.
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/perf_event.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <string>
#include <string_view>

namespace {

// 0 when it got out, or the errno that says why not.
int failed(long result) { return result < 0 ? errno : 0; }

int opened(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd < 0) return errno;
  ::close(fd);
  return 0;
}
int created(const std::string& path) { return opened(path, O_WRONLY | O_CREAT); }

int connected(const sockaddr_un& address, std::size_t size) {
  const int socket = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int result = failed(
      ::connect(socket, reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(size)));
  // A daemon that knows who asks accepts, and hangs up without a word.
  char answer = 0;
  constexpr std::string_view kPing = "{\"type\":\"control\",\"version\":1,\"op\":\"ping\"}\n";
  if (result == 0 && ::send(socket, kPing.data(), kPing.size(), MSG_NOSIGNAL) < 0) return errno;
  if (result == 0 && ::recv(socket, &answer, 1, 0) != 1) return ECONNRESET;
  ::close(socket);
  return result;
}

int connected_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return connected(address, sizeof address);
}

// The words of /proc/PID/stat behind the name.
pid_t parent_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto end = text.rfind(')');
  return end == std::string::npos ? 0 : std::atoi(text.c_str() + end + 4);
}

// A step's process leads its session, and the engine is who started it.
pid_t engine() { return parent_of(::getsid(0)); }

int traced(pid_t pid) {
  const int result = failed(::ptrace(PTRACE_SEIZE, pid, nullptr, nullptr));
  if (result == 0) ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  return result;
}

int own_child_traced() {
  const pid_t child = ::fork();
  if (child == 0) {
    for (;;) ::pause();
  }
  const int result = traced(child);
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  return result;
}

int memory_read(pid_t pid) {
  char byte = 0;
  iovec mine{&byte, 1};
  iovec theirs{reinterpret_cast<void*>(0x10000), 1};
  const int result = failed(::process_vm_readv(pid, &mine, 1, &theirs, 1, 0));
  return result == EFAULT ? 0 : result;  // it was let in, there is just nothing
}

int terminal_fed() {
  const int terminal = ::open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (terminal < 0) return errno;
  const int result = failed(::ioctl(terminal, TIOCSTI, "x"));
  ::close(terminal);
  return result;
}

int device_made(const std::string& path) {
  const int result = failed(::mknod(path.c_str(), S_IFCHR | 0600, makedev(1, 1)));
  ::unlink(path.c_str());
  return result;
}

// A disk, as root may read it.
int disk_read() {
  struct stat root {};
  if (::stat("/", &root) != 0) return errno;
  std::ifstream file("/proc/partitions");
  std::string line;
  while (std::getline(file, line)) {
    const auto blank = line.rfind(' ');
    if (blank == std::string::npos) continue;
    struct stat info {};
    const std::string device = "/dev/" + line.substr(blank + 1);
    if (::stat(device.c_str(), &info) == 0 && S_ISBLK(info.st_mode)) {
      return opened(device, O_RDONLY);
    }
  }
  return ENOENT;
}

int executed_from_memory() {
  const int memory = ::memfd_create("x", MFD_CLOEXEC);
  const int program = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  char buffer[65536];
  for (ssize_t got = 0; (got = ::read(program, buffer, sizeof buffer)) > 0;) {
    if (::write(memory, buffer, static_cast<std::size_t>(got)) != got) return EIO;
  }
  ::close(program);
  const pid_t child = ::fork();
  if (child == 0) {
    char* const arguments[] = {const_cast<char*>("hostile"), nullptr};
    ::fexecve(memory, arguments, environ);
    ::_exit(errno);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 64 ? 0 : WEXITSTATUS(status);
}

int shared_semaphore() {
  const int result = created("/dev/shm/hostile");
  ::unlink("/dev/shm/hostile");
  return result;
}

int foreign_descriptors() {
  for (int fd = 3; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) return 0;
  }
  return ENOENT;
}

int telling_variables() {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable(*entry);
    if (variable.starts_with("CHARTER_DAEMON") || variable.starts_with("CHARTER_GATEWAY")) return 0;
  }
  return ENOENT;
}

int file_handle(const std::string& path) {
  alignas(struct file_handle) char space[sizeof(struct file_handle) + MAX_HANDLE_SZ]{};
  auto* handle = reinterpret_cast<struct file_handle*>(space);
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  return failed(::syscall(SYS_name_to_handle_at, AT_FDCWD, path.c_str(), handle, &mount, 0));
}

int handle_opened() {
  alignas(struct file_handle) char space[sizeof(struct file_handle) + 8]{};
  auto* handle = reinterpret_cast<struct file_handle*>(space);
  handle->handle_bytes = 8;
  handle->handle_type = 1;
  const int root = ::open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int result = failed(::syscall(SYS_open_by_handle_at, root, handle, O_RDONLY));
  ::close(root);
  return result == ESTALE ? 0 : result;  // it was asked, there is just no such file
}

// In a child, which may have to die for it.
int attempted(const std::function<int()>& attempt) {
  ::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) ::_exit(attempt());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : EFAULT;
}

void attempt(const char* name, const std::function<int()>& escape) {
  const int code = attempted(escape);
  std::printf("%s %s\n", name, code == 0 ? "out" : ::strerrorname_np(code));
}

int without_namespaces(char** arguments) {
  sock_filter instructions[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args)),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, CLONE_NEWNS | CLONE_NEWUSER, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  const sock_fprog program{static_cast<unsigned short>(std::size(instructions)), instructions};
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
      ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) != 0) {
    return 1;
  }
  ::execvp(arguments[0], arguments);
  return 1;
}

void try_files(const std::string& project, const std::string& outside) {
  const std::string victim = outside + "/victim";
  attempt("write-outside", [&] { return created(outside + "/new"); });
  attempt("overwrite-outside", [&] { return opened(victim, O_WRONLY); });
  attempt("write-over-proc-root", [&] { return created("/proc/self/root" + outside + "/new"); });
  attempt("write-over-symlink", [&] {
    ::symlink(outside.c_str(), (project + "/way").c_str());
    return created(project + "/way/new");
  });
  attempt("hard-link-in", [&] {
    const std::string link = project + "/hard";
    if (::link(victim.c_str(), link.c_str()) != 0) return errno;
    return opened(link, O_WRONLY);
  });
  attempt("hard-link-out", [&] {
    created(project + "/own");
    return failed(::link((project + "/own").c_str(), (outside + "/new").c_str()));
  });
  attempt("rename-out", [&] {
    created(project + "/own");
    return failed(::rename((project + "/own").c_str(), (outside + "/new").c_str()));
  });
  attempt("rename-in",
          [&] { return failed(::rename(victim.c_str(), (project + "/stolen").c_str())); });
  attempt("truncate-outside", [&] { return failed(::truncate(victim.c_str(), 0)); });
  attempt("remove-outside", [&] { return failed(::unlink(victim.c_str())); });
  attempt("directory-outside", [&] { return failed(::mkdir((outside + "/new").c_str(), 0700)); });
  attempt("chmod-outside", [&] { return failed(::chmod(victim.c_str(), 0644)); });
  attempt("write-proc-sys", [] { return opened("/proc/sys/kernel/core_pattern", O_WRONLY); });
  attempt("write-sysrq", [] { return opened("/proc/sysrq-trigger", O_WRONLY); });
  attempt("read-memory-device", [] { return opened("/dev/mem", O_RDONLY); });
  attempt("read-disk", [] { return disk_read(); });
  attempt("make-device", [&] { return device_made(project + "/device"); });
  attempt("setuid-bit", [&] {
    created(project + "/own");
    return failed(::chmod((project + "/own").c_str(), 04755));
  });
  attempt("setuid-bit-at-creation", [&] {
    const int fd = ::open((project + "/bits").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 04755);
    return failed(fd);
  });
  attempt("file-handle", [&] { return file_handle(victim); });
  attempt("open-by-handle", [] { return handle_opened(); });
}

void try_processes(pid_t daemon) {
  const pid_t above = engine();
  const std::string proc = "/proc/" + std::to_string(above);
  attempt("trace-engine", [&] { return traced(above); });
  attempt("trace-daemon", [&] { return traced(daemon); });
  attempt("read-engine-memory", [&] { return memory_read(above); });
  attempt("open-engine-memory", [&] { return opened(proc + "/mem", O_RDWR); });
  attempt("read-engine-environment", [&] {
    std::ifstream file(proc + "/environ");
    return file.get() == EOF ? EACCES : 0;
  });
  attempt("enter-engine-root", [&] { return opened(proc + "/root/etc", O_RDONLY); });
  attempt("take-engine-descriptor", [&] {
    const long pidfd = ::syscall(SYS_pidfd_open, above, 0);
    return pidfd < 0 ? errno : failed(::syscall(SYS_pidfd_getfd, pidfd, 3, 0));
  });
  attempt("signal-engine", [&] { return failed(::kill(above, SIGCONT)); });
  attempt("signal-daemon", [&] { return failed(::kill(daemon, SIGCONT)); });
  attempt("foreign-descriptors", [] { return foreign_descriptors(); });
  attempt("telling-variables", [] { return telling_variables(); });
  attempt("new-privileges",
          [] { return ::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? EPERM : 0; });
}

void try_system(const std::string& project) {
  char none[256]{};
  attempt("io-uring", [&] { return failed(::syscall(SYS_io_uring_setup, 4, none)); });
  attempt("mount", [&] { return failed(::mount("x", project.c_str(), "tmpfs", 0, nullptr)); });
  attempt("unmount",
          [&] { return failed(::umount2((project + "/.charter").c_str(), MNT_DETACH)); });
  attempt("open-tree", [&] { return failed(::syscall(SYS_open_tree, AT_FDCWD, "/", 1)); });
  attempt("unshare-user", [] { return failed(::unshare(CLONE_NEWUSER)); });
  attempt("unshare-mounts", [] { return failed(::unshare(CLONE_NEWNS)); });
  attempt("clone-user", [] {
    const long child = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) ::_exit(0);
    return failed(child);
  });
  attempt("clone3", [&] { return failed(::syscall(SYS_clone3, none, 64)); });
  attempt("setns", [] {
    const int ns = ::open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    return failed(::setns(ns, 0));
  });
  attempt("chroot", [&] { return failed(::chroot(project.c_str())); });
  attempt("pivot-root", [] { return failed(::syscall(SYS_pivot_root, ".", ".")); });
  attempt("load-module", [&] { return failed(::syscall(SYS_init_module, none, 0, "")); });
  attempt("add-key", [] { return failed(::syscall(SYS_add_key, "user", "x", "y", 1, -2)); });
  attempt("keyctl", [] { return failed(::syscall(SYS_keyctl, 0, -3, 1)); });
  attempt("bpf", [&] { return failed(::syscall(SYS_bpf, 0, none, sizeof none)); });
  attempt("perf", [] {
    perf_event_attr attr{};
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.exclude_kernel = 1;
    return failed(::syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0));
  });
  attempt("userfaultfd", [] { return failed(::syscall(SYS_userfaultfd, 1)); });
  attempt("terminal-input", [] { return terminal_fed(); });
#if defined(__x86_64__)
  attempt("x32-call", [] { return failed(::syscall(0x40000000 + 39)); });
  attempt("i386-call", [] {
    // getpid of that architecture; what cannot be called at all is a SIGSEGV.
    int result = 20;
    asm volatile("int $0x80" : "+a"(result) : : "memory", "r8", "r9", "r10", "r11");
    return result < 0 ? -result : 0;
  });
#endif
}

void try_daemon(const std::string& project, const std::string& outside, const char* note) {
  const std::string own = project + "/.charter";
  attempt("read-ledger", [&] { return opened(own + "/daemon/ledger", O_RDONLY | O_DIRECTORY); });
  attempt("write-daemon-data", [&] { return created(own + "/daemon/new"); });
  attempt("read-other-journal",
          [&] { return opened(own + "/daemon/journals/other.cj", O_RDONLY); });
  attempt("read-other-state", [&] { return opened(own + "/runs/other.json", O_RDONLY); });
  attempt("write-other-state", [&] { return opened(own + "/runs/other.json", O_WRONLY); });
  attempt("move-data-away", [&] {
    const int result = failed(::rename(own.c_str(), (project + "/away").c_str()));
    if (result == 0) ::rename((project + "/away").c_str(), own.c_str());
    return result;
  });
  attempt("connect-to-daemon", [&] { return connected_to(own + "/daemon.sock"); });
  attempt("read-others-tmp", [&] { return opened(note, O_RDONLY); });
  attempt("connect-abstract", [&] {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string name = "charter-hostile" + outside;
    std::strncpy(address.sun_path + 1, name.c_str(), sizeof address.sun_path - 2);
    return connected(address, offsetof(sockaddr_un, sun_path) + 1 + name.size());
  });
}

// What ordinary programs do must go on working.
void try_permitted(const std::string& project) {
  attempt("own-write", [&] { return created(project + "/own"); });
  attempt("own-move", [&] {
    ::mkdir((project + "/sub").c_str(), 0755);
    created(project + "/own");
    return failed(::rename((project + "/own").c_str(), (project + "/sub/own").c_str()));
  });
  attempt("own-tmp", [] {
    const char* tmp = std::getenv("TMPDIR");
    return tmp == nullptr ? ENOENT : created(std::string(tmp) + "/own");
  });
  attempt("own-trace", [] { return own_child_traced(); });
  attempt("own-signal", [] { return failed(::kill(::getpid(), SIGCONT)); });
  attempt("own-memory-program", [] { return executed_from_memory(); });
  attempt("shared-memory", [] { return shared_semaphore(); });
  attempt("null-device", [] { return opened("/dev/null", O_RDWR); });
  attempt("own-output", [] { return opened("/dev/stdout", O_WRONLY); });
  attempt("read-elsewhere", [] { return opened("/etc/passwd", O_RDONLY); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc >= 3 && std::string_view(argv[1]) == "--without-namespaces") {
    return without_namespaces(argv + 2);
  }
  if (argc != 5) return 64;
  const std::string project = argv[1];
  const std::string outside = argv[2];
  try_files(project, outside);
  try_processes(std::atoi(argv[3]));
  try_system(project);
  try_daemon(project, outside, argv[4]);
  try_permitted(project);
  return 0;
}
