// System calls by which a process would get around its sandbox, refused by a seccomp filter of our
// own making.
//
// Refused with EPERM: io_uring (its requests pass no filter), mounts, namespaces, chroot, modules,
// kernel keys, bpf, perf, userfaultfd, kexec, file handles, swap, accounting, clocks and names of
// the machine, raw ports; a terminal's input queue (TIOCSTI, TIOCLINUX); setuid and setgid bits.
// clone3 and openat2, whose arguments a filter cannot see, "do not exist" (ENOSYS), so that the C
// library takes the call before them. Other architectures' calls and x32 are refused altogether.
// Tracing is left: Landlock keeps it to the sandbox's own processes.
#pragma once

#include <linux/filter.h>

#include <vector>

namespace charter::worker {

[[nodiscard]] std::vector<sock_filter> syscall_filter();

// Binds the calling thread and all that descend from it, for ever; it has given up gaining
// privileges before. 0, or an errno. Async-signal-safe.
[[nodiscard]] int filter_syscalls(const std::vector<sock_filter>& filter);

}  // namespace charter::worker
