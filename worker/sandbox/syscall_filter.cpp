#include "worker/sandbox/syscall_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace charter::worker {
namespace {

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#else
#error "the filter's table of system calls is for amd64 and arm64"
#endif

// The newest have the same number everywhere, and no name in older headers.
constexpr std::uint32_t kMountSetattr = 442;
constexpr std::uint32_t kQuotactlFd = 443;
constexpr std::uint32_t kFchmodat2 = 452;
constexpr std::uint32_t kOpenTreeAttr = 467;
constexpr std::uint32_t kFileSetattr = 469;

constexpr std::uint32_t kRefused[] = {
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    // what is mounted, and where
    SYS_mount,
    SYS_umount2,
    SYS_pivot_root,
    SYS_chroot,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    kMountSetattr,
    kOpenTreeAttr,
    // namespaces; clone is looked at below
    SYS_unshare,
    SYS_setns,
    // files without their paths, and their attributes without opening them
    SYS_name_to_handle_at,
    SYS_open_by_handle_at,
    SYS_fanotify_init,
    kFileSetattr,
    // the kernel itself
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_lookup_dcookie,
    SYS_syslog,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    // the machine
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    kQuotactlFd,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_clock_adjtime,
    SYS_adjtimex,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    SYS_nfsservctl,
#if defined(__x86_64__)
    SYS_iopl,
    SYS_ioperm,
    SYS_create_module,
#endif
};

constexpr std::uint32_t kUnknown[] = {SYS_clone3, SYS_openat2};

// Calls that are refused when one of the bits is set in an argument.
struct Bits {
  std::uint32_t call;
  std::uint32_t argument;
  std::uint32_t bits;
};
constexpr std::uint32_t kNewNamespaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |
                                         CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWCGROUP;
constexpr std::uint32_t kPrivilegeBits = S_ISUID | S_ISGID;
constexpr Bits kBits[] = {
    {SYS_clone, 0, kNewNamespaces},    {SYS_fchmod, 1, kPrivilegeBits},
    {SYS_fchmodat, 2, kPrivilegeBits}, {kFchmodat2, 2, kPrivilegeBits},
    {SYS_mkdirat, 2, kPrivilegeBits},  {SYS_mknodat, 2, kPrivilegeBits},
#if defined(__x86_64__)
    {SYS_chmod, 1, kPrivilegeBits},    {SYS_creat, 1, kPrivilegeBits},
    {SYS_mkdir, 1, kPrivilegeBits},    {SYS_mknod, 1, kPrivilegeBits},
#endif
};

// Opening with a mode counts only where it creates; elsewhere the argument is whatever was there.
struct Opening {
  std::uint32_t call;
  std::uint32_t flags;
  std::uint32_t mode;
};
constexpr std::uint32_t kCreates = 0100 | 020000000;  // O_CREAT, the bit of O_TMPFILE
constexpr Opening kOpenings[] = {
    {SYS_openat, 2, 3},
#if defined(__x86_64__)
    {SYS_open, 1, 2},
#endif
};

constexpr std::array<std::uint32_t, 2> kTerminalRequests = {TIOCSTI, TIOCLINUX};

constexpr std::uint32_t low_half(std::uint32_t argument) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  return static_cast<std::uint32_t>(offsetof(seccomp_data, args) +
                                    argument * sizeof(std::uint64_t));
}

class Program {
 public:
  void load(std::uint32_t offset) { add(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset); }
  void answer(std::uint32_t action) { add(BPF_RET | BPF_K, 0, 0, action); }
  // Goes on with the next instruction when it is so, else behind the `length` after that.
  void when_equal(std::uint32_t value, std::uint8_t length) {
    add(BPF_JMP | BPF_JEQ | BPF_K, 0, length, value);
  }
  void unless_equal(std::uint32_t value, std::uint8_t length) {
    add(BPF_JMP | BPF_JEQ | BPF_K, length, 0, value);
  }
  void when_any_bit(std::uint32_t bits, std::uint8_t length) {
    add(BPF_JMP | BPF_JSET | BPF_K, 0, length, bits);
  }
  void when_at_least(std::uint32_t value, std::uint8_t length) {
    add(BPF_JMP | BPF_JGE | BPF_K, 0, length, value);
  }
  [[nodiscard]] std::vector<sock_filter> take() { return std::move(instructions_); }

 private:
  void add(std::uint32_t code, std::uint8_t yes, std::uint8_t no, std::uint32_t value) {
    instructions_.push_back({static_cast<std::uint16_t>(code), yes, no, value});
  }
  std::vector<sock_filter> instructions_;
};

constexpr std::uint32_t kNotPermitted = SECCOMP_RET_ERRNO | EPERM;
constexpr std::uint32_t kNotThere = SECCOMP_RET_ERRNO | ENOSYS;

}  // namespace

std::vector<sock_filter> syscall_filter() {
  Program program;
  program.load(offsetof(seccomp_data, arch));
  program.unless_equal(kArchitecture, 1);
  program.answer(kNotPermitted);
  program.load(offsetof(seccomp_data, nr));
#if defined(__x86_64__)
  constexpr std::uint32_t kX32 = 0x40000000;
  program.when_at_least(kX32, 1);
  program.answer(kNotPermitted);
#endif
  for (const std::uint32_t call : kRefused) {
    program.when_equal(call, 1);
    program.answer(kNotPermitted);
  }
  for (const std::uint32_t call : kUnknown) {
    program.when_equal(call, 1);
    program.answer(kNotThere);
  }
  for (const Bits& one : kBits) {
    program.when_equal(one.call, 4);
    program.load(low_half(one.argument));
    program.when_any_bit(one.bits, 1);
    program.answer(kNotPermitted);
    program.answer(SECCOMP_RET_ALLOW);
  }
  for (const Opening& one : kOpenings) {
    program.when_equal(one.call, 6);
    program.load(low_half(one.flags));
    program.when_any_bit(kCreates, 3);
    program.load(low_half(one.mode));
    program.when_any_bit(kPrivilegeBits, 1);
    program.answer(kNotPermitted);
    program.answer(SECCOMP_RET_ALLOW);
  }
  program.when_equal(SYS_ioctl, 2 + 2 * kTerminalRequests.size());
  program.load(low_half(1));
  for (const std::uint32_t request : kTerminalRequests) {
    program.when_equal(request, 1);
    program.answer(kNotPermitted);
  }
  program.answer(SECCOMP_RET_ALLOW);
  program.answer(SECCOMP_RET_ALLOW);
  return program.take();
}

int filter_syscalls(const std::vector<sock_filter>& filter) {
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           const_cast<sock_filter*>(filter.data())};
  return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno;
}

}  // namespace charter::worker
