#include "worker/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <deque>
#include <memory>
#include <string>

#include "ipc/peer.h"

namespace charter::worker {
namespace {

constexpr rlim_t kMostMembers = 1U << 20;
constexpr int kSpareDescriptors = 8;

std::string proc_path(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

std::string read_file(const std::string& path) {
  const ipc::UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  if (!fd) return text;
  std::array<char, 4096> buffer;
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

struct Directory {
  explicit Directory(const std::string& path) : stream(::opendir(path.c_str()), &::closedir) {}
  // The next entry that is a number, 0 at the end.
  pid_t next_number() {
    while (stream != nullptr) {
      const dirent* entry = ::readdir(stream.get());
      if (entry == nullptr) return 0;
      pid_t number = 0;
      const std::string_view name(entry->d_name);
      const auto parsed = std::from_chars(name.data(), name.data() + name.size(), number);
      if (parsed.ec == std::errc() && number > 0) return number;
    }
    return 0;
  }
  std::unique_ptr<DIR, int (*)(DIR*)> stream;
};

struct Stat {
  char state = '?';
  pid_t parent = 0;
  bool exits = false;  // on its way through the kernel's exit
};

// Fields 3, 4 and 9, behind the last bracket of the name.
Stat stat_in(const std::string& path) {
  constexpr unsigned kExiting = 0x4;  // PF_EXITING
  const std::string text = read_file(path);
  const std::size_t bracket = text.rfind(')');
  Stat stat;
  if (bracket == std::string::npos || text.size() < bracket + 5) return stat;
  stat.state = text[bracket + 2];
  const char* const end = text.data() + text.size();
  const char* at = text.data() + bracket + 4;
  (void)std::from_chars(at, end, stat.parent);
  for (int field = 4; field < 9 && at < end; ++field) at = std::find(at, end, ' ') + 1;
  unsigned flags = 0;
  (void)std::from_chars(std::min(at, end), end, flags);
  stat.exits = (flags & kExiting) != 0;
  return stat;
}

Stat read_stat(pid_t pid) { return stat_in(proc_path(pid, "stat")); }

void append_numbers(const std::string& text, std::vector<pid_t>& numbers) {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at < end) {
    pid_t number = 0;
    const auto parsed = std::from_chars(at, end, number);
    if (parsed.ec == std::errc()) numbers.push_back(number);
    at = parsed.ptr + 1;
  }
}

// Kernels built without /proc/PID/task/TID/children tell parents only.
std::vector<pid_t> scan_for_children(pid_t parent) {
  std::vector<pid_t> children;
  Directory processes("/proc");
  while (const pid_t pid = processes.next_number()) {
    if (read_stat(pid).parent == parent) children.push_back(pid);
  }
  return children;
}

bool kernel_lists_children() {
  static const bool lists = [] {
    const pid_t self = ::getpid();
    const std::string path = proc_path(self, "task/") + std::to_string(self) + "/children";
    return ::access(path.c_str(), R_OK) == 0;
  }();
  return lists;
}

// Of a process that was sent KILL: whether a thread of it only needs a processor to end on, or is
// already at it. The first thread may have ended while others live.
bool is_ending(pid_t pid) {
  const std::string tasks = proc_path(pid, "task");
  Directory threads(tasks);
  while (const pid_t thread = threads.next_number()) {
    const Stat stat = stat_in(tasks + "/" + std::to_string(thread) + "/stat");
    if (stat.state == 'R' || (stat.exits && stat.state != 'Z' && stat.state != 'X')) return true;
  }
  return false;
}

bool has_ended(const ipc::UniqueFd& process) {
  pollfd entry{process.get(), POLLIN, 0};
  return ::poll(&entry, 1, 0) == 1;
}

}  // namespace

std::vector<pid_t> children_of(pid_t pid) {
  if (!kernel_lists_children()) return scan_for_children(pid);
  std::vector<pid_t> children;
  const std::string tasks = proc_path(pid, "task");
  Directory threads(tasks);
  while (const pid_t thread = threads.next_number()) {
    append_numbers(read_file(tasks + "/" + std::to_string(thread) + "/children"), children);
  }
  return children;
}

ProcessTree::ProcessTree(Spare spare) : spare_(std::move(spare)), self_(::getpid()) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > kMostMembers) {
    limit.rlim_cur = kMostMembers;
  }
  most_descriptors_ = static_cast<int>(limit.rlim_cur) - kSpareDescriptors;
}

bool ProcessTree::is_member(pid_t pid) const {
  const auto found = members_.find(pid);
  return found != members_.end() && !has_ended(found->second.process);
}

// Whether `pid` is a process of the tree that was not known; the order of the three looks (pidfd,
// parent, the parent's pidfd) is what the header's promise rests on.
bool ProcessTree::admit(pid_t pid) {
  if (pid == self_ || spared_.contains(pid) || is_member(pid)) return false;
  ipc::UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // Some descriptors are kept for looking into /proc.
  if (!process || process.get() > most_descriptors_) {
    exhausted_ = exhausted_ || process || errno == EMFILE || errno == ENFILE;
    return false;
  }
  if (has_ended(process)) return false;
  const Stat stat = read_stat(pid);
  if (stat.parent != self_ && !is_member(stat.parent)) return false;
  if (stat.parent == self_ && spare_ && spare_(pid)) {
    spared_.insert(pid);
    return false;
  }
  members_[pid] = Member{std::move(process)};
  return true;
}

std::size_t ProcessTree::look() {
  exhausted_ = false;
  std::size_t added = 0;
  std::set<pid_t> seen{self_};
  std::deque<pid_t> parents{self_};
  while (!parents.empty() && !exhausted_) {
    const pid_t parent = parents.front();
    parents.pop_front();
    for (const pid_t child : children_of(parent)) {
      if (!seen.insert(child).second) continue;
      if (admit(child)) ++added;
      if (is_member(child)) parents.push_back(child);
    }
  }
  return added;
}

void ProcessTree::look_until_quiet(int signal, int most) {
  for (int looks = 0; looks < most; ++looks) {
    const std::size_t added = look();
    if (signal != 0) send(signal);
    if (added == 0 || exhausted_) return;
  }
}

void ProcessTree::send(int signal, pid_t except) {
  for (auto& [pid, member] : members_) {
    // Who was sent KILL needs nothing more.
    if (pid == except || member.last_signal == signal || member.killed_ms != 0) continue;
    const auto sent = ipc::signal_process(member.process.get(), signal);
    if (sent) {
      member.last_signal = signal;
      if (signal == SIGKILL) member.killed_ms = ipc::boot_ms();
    } else if (sent.error().code == std::errc::operation_not_permitted) {
      member.refused = EPERM;
    }
  }
}

std::size_t ProcessTree::prune() {
  std::erase_if(members_, [](const auto& entry) { return has_ended(entry.second.process); });
  return members_.size();
}

bool ProcessTree::may_end(std::int64_t patience_ms) const {
  const std::int64_t now = ipc::boot_ms();
  return std::any_of(members_.begin(), members_.end(), [&](const auto& entry) {
    const Member& member = entry.second;
    if (member.killed_ms == 0 || has_ended(member.process)) return false;
    return now - member.killed_ms < patience_ms || is_ending(entry.first);
  });
}

std::vector<ipc::LeftProcess> ProcessTree::living() const {
  std::vector<ipc::LeftProcess> left;
  for (const auto& [pid, member] : members_) {
    if (has_ended(member.process)) continue;
    std::string name = read_file(proc_path(pid, "comm"));
    if (!name.empty() && name.back() == '\n') name.pop_back();
    const bool ending = member.killed_ms != 0 && is_ending(pid);
    const char state = read_stat(pid).state;
    const char* reason = member.refused == EPERM ? "belongs to another user"
                         : ending                ? "gets no processor to end on"
                         : state == 'D'          ? "in an uninterruptible wait"
                                                 : "did not end after SIGKILL";
    left.push_back({pid, std::move(name), reason});
  }
  return left;
}

}  // namespace charter::worker
