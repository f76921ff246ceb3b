#include "supervisor/orphans.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <mutex>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "ipc/job.h"
#include "ipc/open_directory.h"
#include "ipc/peer.h"
#include "ipc/text_file.h"
#include "ipc/unique_fd.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr std::size_t kProcFileLimit = 4U << 20;
constexpr int kMaxRounds = 64;  // a tree that still grows after these is left to the next sweep

std::vector<pid_t> numbers_in(const char* directory) {
  std::vector<pid_t> numbers;
  const ipc::DirectoryStream open = ipc::open_directory(directory);
  if (!open) return numbers;
  while (const dirent* entry = ::readdir(open.get())) {
    pid_t number = 0;
    const char* end = entry->d_name + std::strlen(entry->d_name);
    const auto parsed = std::from_chars(entry->d_name, end, number);
    if (parsed.ec == std::errc() && parsed.ptr == end) numbers.push_back(number);
  }
  return numbers;
}

// Children belong to the thread that made or was given them.
std::vector<pid_t> own_children() {
  std::vector<pid_t> children;
  for (const pid_t thread : numbers_in("/proc/self/task")) {
    const std::string list = ipc::text_of_file(
        "/proc/self/task/" + std::to_string(thread) + "/children", kProcFileLimit);
    const char* at = list.data();
    const char* end = at + list.size();
    while (at < end) {
      pid_t child = 0;
      const auto parsed = std::from_chars(at, end, child);
      if (parsed.ec != std::errc()) break;
      children.push_back(child);
      at = parsed.ptr + 1;  // behind the space
    }
  }
  return children;
}

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  std::uint64_t start = 0;
  std::uint64_t parent_start = 0;  // 0: a root, whatever its parent is
};

// Where trees begin, with the start times; 0: a child of ours that nobody has reaped, whose number
// can be no other's.
using Roots = std::unordered_map<pid_t, std::uint64_t>;

std::optional<Process> look_at(pid_t pid) {
  const auto stat = ipc::process_stat(pid);
  return stat ? std::optional(Process{pid, stat->parent, stat->start, 0}) : std::nullopt;
}

// Everything at or below `roots`, parents before their children.
std::vector<Process> trees_below(const Roots& roots) {
  std::unordered_multimap<pid_t, Process> by_parent;
  std::vector<Process> found;
  for (const pid_t pid : numbers_in("/proc")) {
    const auto process = look_at(pid);
    if (!process) continue;
    by_parent.emplace(process->parent, *process);
    const auto root = roots.find(pid);
    if (root == roots.end()) continue;
    if (root->second == 0 || root->second == process->start) found.push_back(*process);
  }
  for (std::size_t i = 0; i < found.size(); ++i) {
    const Process parent = found[i];
    const auto [first, last] = by_parent.equal_range(parent.pid);
    for (auto entry = first; entry != last; ++entry) {
      if (roots.contains(entry->second.pid)) continue;
      Process child = entry->second;
      child.parent_start = parent.start;
      found.push_back(child);
    }
  }
  return found;
}

// The parent may have ended since it was looked at, and its number be a stranger's with children.
bool still_has_its_parent(const Process& process) {
  if (process.parent_start == 0) return true;
  const auto stat = ipc::process_stat(process.pid);
  return stat && stat->parent == process.parent &&
         ipc::start_time(process.parent) == process.parent_start;
}

// Signals a process if it is still the one that was looked at, and below whom it was seen.
bool signal_exactly(const Process& process, int signal) {
  const ipc::UniqueFd pidfd = ipc::open_process(process.pid, process.start);
  return pidfd && still_has_its_parent(process) && ipc::signal_process(pidfd.get(), signal);
}

// Stops everything until nothing new appears, so that nothing can be made while it is killed.
std::size_t end_trees(const Roots& roots) {
  std::unordered_map<pid_t, std::uint64_t> stopped;
  std::vector<Process> processes;
  for (int round = 0; round < kMaxRounds; ++round) {
    processes = trees_below(roots);
    bool fresh = false;
    for (const Process& process : processes) {
      const auto [known, added] = stopped.insert_or_assign(process.pid, process.start);
      if (!added) continue;
      signal_exactly(process, SIGSTOP);
      fresh = true;
    }
    if (!fresh) break;
  }
  // Children first: they lose their parents otherwise.
  return static_cast<std::size_t>(
      std::count_if(processes.rbegin(), processes.rend(),
                    [](const Process& process) { return signal_exactly(process, SIGKILL); }));
}

// The journal of the run whose mark a process carries; empty when it carries none.
std::string marker_of(pid_t pid) {
  const std::string environment =
      ipc::text_of_file("/proc/" + std::to_string(pid) + "/environ", kProcFileLimit);
  const std::string name = std::string(kRunMarker) + "=";
  std::string_view rest = environment;
  while (!rest.empty()) {
    const std::string_view variable = rest.substr(0, rest.find('\0'));
    if (variable.starts_with(name)) return std::string(variable.substr(name.size()));
    rest.remove_prefix(std::min(rest.size(), variable.size() + 1));
  }
  return {};
}

bool is_a_runs(pid_t child, const OrphanSigns& signs) {
  if (!signs.needed) return true;
  if (signs.session != 0 && ::getsid(child) == signs.session) return true;
  return marker_of(child).starts_with(signs.journals + "/");
}

bool had_children = false;

}  // namespace

void become_subreaper() {
  had_children = !own_children().empty();
  ::prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

bool may_have_strange_children() { return had_children || ::getpid() == 1; }

std::size_t sweep_orphans(const ChildTable& known, const OrphanSigns& signs) {
  Roots living;
  std::size_t met = 0;
  {
    const std::lock_guard none_is_being_made(known.making());
    for (const pid_t child : own_children()) {
      if (known.contains(child)) continue;
      ++met;
      if (::waitpid(child, nullptr, WNOHANG) == 0 && is_a_runs(child, signs)) {
        living.emplace(child, 0);
      }
    }
  }
  if (living.empty()) return met;
  const std::size_t ended = end_trees(living);
  // What belongs to another user stays, and is met again.
  if (ended > 0) log::info("Ended {} processes that dead runs left behind", ended);
  for (const auto& [child, start] : living) ::waitpid(child, nullptr, WNOHANG);
  return met;
}

std::size_t end_processes_of(const DeadRuns& runs) {
  if (runs.empty()) return 0;
  Roots roots;
  const pid_t self = ::getpid();
  for (const auto& [journal, summary] : runs) {
    // Numbers of another namespace are others' here.
    if (!summary->opened || summary->opened->pid_namespace != ipc::pid_namespace()) continue;
    for (const ipc::StepProcess& process : summary->processes) {
      if (ipc::start_time(process.session) == process.start) {
        roots.emplace(process.session, process.start);
      }
    }
  }
  for (const pid_t pid : numbers_in("/proc")) {
    // The start time first: what has the marker then, and this start later, is one process.
    const auto start = ipc::start_time(pid);
    if (start && pid != self && pid != 1 && runs.contains(marker_of(pid))) {
      roots.emplace(pid, *start);
    }
  }
  return roots.empty() ? 0 : end_trees(roots);
}

}  // namespace charter::supervisor
