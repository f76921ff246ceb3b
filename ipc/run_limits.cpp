#include "ipc/run_limits.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <ctime>
#include <initializer_list>
#include <string_view>

#include "ipc/job.h"
#include "ipc/peer.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {
namespace {

constexpr std::uint64_t kPeriodUs = 100'000;  // the kernel's own default
constexpr std::size_t kMostFileBytes = 64U << 10;

// Into the first of `names` that the group has: the versions name the same thing differently.
Result<void> put(const std::string& group, std::initializer_list<const char*> names,
                 const std::string& value) {
  for (const char* name : names) {
    const std::string path = group + "/" + name;
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) continue;
    if (!file) return errno_error("open " + path);
    if (::write(file.get(), value.data(), value.size()) < 0) {
      return errno_error("write " + value + " to " + path);
    }
    return {};
  }
  return Error{std::make_error_code(std::errc::no_such_file_or_directory),
               "set a limit: " + group + "/" + *names.begin()};
}

std::string text_in(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  auto text = read_all(file.get(), kMostFileBytes);
  return text ? std::move(*text) : std::string();
}

std::uint64_t number_at(std::string_view text) {
  std::uint64_t number = 0;
  (void)std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// "name NUMBER" on a line of its own, 0 when there is none.
std::uint64_t entry(std::string_view text, std::string_view name) {
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    if (line.starts_with(name) && line.size() > name.size() && line[name.size()] == ' ') {
      return number_at(line.substr(name.size() + 1));
    }
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return 0;
}

// Swap is no way round the limit, where the kernel counts it.
Result<void> limit_memory(const std::string& group, std::uint64_t bytes) {
  const std::string value = std::to_string(bytes);
  auto done = put(group, {"memory.max", "memory.limit_in_bytes"}, value);
  if (!done) return done;
  const bool first = ::access((group + "/memory.limit_in_bytes").c_str(), F_OK) == 0;
  (void)(first ? put(group, {"memory.memsw.limit_in_bytes"}, value)
               : put(group, {"memory.swap.max"}, "0"));
  return done;
}

Result<void> limit_cpu(const std::string& group, std::uint64_t percent) {
  const std::string quota = std::to_string(percent * kPeriodUs / 100);
  if (::access((group + "/cpu.max").c_str(), F_OK) == 0) {
    return put(group, {"cpu.max"}, quota + " " + std::to_string(kPeriodUs));
  }
  auto period = put(group, {"cpu.cfs_period_us"}, std::to_string(kPeriodUs));
  return period ? put(group, {"cpu.cfs_quota_us"}, quota) : period;
}

}  // namespace

std::vector<std::string> RunLimits::groups() const {
  std::vector<std::string> all;
  for (const std::string& group : {memory_group, pids_group, cpu_group, kill_group}) {
    if (group.empty() || std::find(all.begin(), all.end(), group) != all.end()) continue;
    all.push_back(group);
  }
  return all;
}

Result<void> make_groups(const RunLimits& limits) {
  for (const std::string& group : limits.groups()) {
    if (::mkdir(group.c_str(), 0755) != 0 && errno != EEXIST) return errno_error("make " + group);
  }
  Result<void> done;
  if (!limits.memory_group.empty()) done = limit_memory(limits.memory_group, limits.memory);
  if (done && !limits.pids_group.empty()) {
    done = put(limits.pids_group, {"pids.max"}, std::to_string(limits.pids));
  }
  if (done && !limits.cpu_group.empty()) done = limit_cpu(limits.cpu_group, limits.cpu);
  return done;
}

// A thread that moves itself alone, which only version 1 knows, need not wait until no process of
// the host forks or ends: some milliseconds. Who moves itself has no other thread.
Result<void> enter_groups(const RunLimits& limits, pid_t process) {
  for (const std::string& group : limits.groups()) {
    auto done = process == 0 ? put(group, {"tasks", "cgroup.procs"}, "0")
                             : put(group, {"cgroup.procs"}, std::to_string(process));
    if (!done) return done;
  }
  return {};
}

GroupCounts count_groups(const RunLimits& limits) {
  GroupCounts counts;
  if (const std::string& group = limits.memory_group; !group.empty()) {
    counts.memory_kills = entry(text_in(group + "/memory.events"), "oom_kill") +
                          entry(text_in(group + "/memory.oom_control"), "oom_kill");
    counts.memory_peak = std::max(number_at(text_in(group + "/memory.peak")),
                                  number_at(text_in(group + "/memory.max_usage_in_bytes")));
  }
  if (!limits.pids_group.empty()) {
    counts.pids_refused = entry(text_in(limits.pids_group + "/pids.events"), "max");
  }
  if (!limits.cpu_group.empty()) {
    counts.cpu_held_back = entry(text_in(limits.cpu_group + "/cpu.stat"), "nr_throttled");
  }
  return counts;
}

void lift_cpu_limit(const RunLimits& limits) {
  const std::string& group = limits.cpu_group;
  if (group.empty()) return;
  const bool second = ::access((group + "/cpu.max").c_str(), F_OK) == 0;
  (void)(second ? put(group, {"cpu.max"}, "max") : put(group, {"cpu.cfs_quota_us"}, "-1"));
}

void kill_group(const std::string& group) {
  if (!group.empty()) (void)put(group, {"cgroup.kill"}, "1");
}

bool remove_groups(const std::vector<std::string>& groups, int patience_ms) {
  const std::int64_t deadline = boot_ms() + patience_ms;
  for (const std::string& group : groups) {
    while (::rmdir(group.c_str()) != 0 && errno != ENOENT) {
      if (errno != EBUSY || boot_ms() >= deadline) return false;
      constexpr timespec kPause{0, 1'000'000};
      ::nanosleep(&kPause, nullptr);
    }
  }
  return true;
}

}  // namespace charter::ipc
