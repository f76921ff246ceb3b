#include "supervisor/run_limits.h"

#include <dirent.h>
#include <fcntl.h>
#include <spdlog/fmt/fmt.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <memory>
#include <optional>
#include <utility>

#include "ipc/job.h"
#include "ipc/json_object.h"
#include "ipc/lock.h"
#include "ipc/peer.h"
#include "ipc/short_name.h"
#include "ipc/text_file.h"
#include "ipc/unique_fd.h"
#include "supervisor/limit_probe.h"
#include "supervisor/log.h"

namespace charter::supervisor {
namespace {

constexpr int kMostLooks = 50;  // at a group in which something still forks
constexpr std::size_t kMostFileBytes = 1U << 20;

std::vector<std::string> lines_in(const std::string& path) {
  std::vector<std::string> lines;
  const std::string text = ipc::text_of_file(path, kMostFileBytes);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

std::vector<std::string> names_below(const std::string& directory, const std::string& prefix) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(::opendir(directory.c_str()), &::closedir);
  while (const dirent* found = open ? ::readdir(open.get()) : nullptr) {
    const std::string_view name(found->d_name);
    if (name.starts_with(prefix)) names.emplace_back(name);
  }
  return names;
}

// Whoever is in the group of a run without a worker is the run's. The number is looked for again
// behind its pidfd: then it was that very process that was in the group.
void end_members(const std::string& group) {
  const std::string list = group + "/cgroup.procs";
  for (int looks = 0; looks < kMostLooks; ++looks) {
    const auto members = lines_in(list);
    if (members.empty()) return;
    for (const std::string& member : members) {
      pid_t pid = 0;
      (void)std::from_chars(member.data(), member.data() + member.size(), pid);
      if (pid <= 0 || pid == ::getpid()) continue;
      const ipc::UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
      const auto still = lines_in(list);
      if (!process || std::find(still.begin(), still.end(), member) == still.end()) continue;
      (void)ipc::signal_process(process.get(), SIGKILL);
    }
  }
}

std::string limit_json(const LimitState& limit) {
  if (limit.value == 0) return "null";
  return ipc::JsonObject()
      .number("max", static_cast<std::int64_t>(limit.value))
      .flag("in_force", !limit.means.empty())
      .text_or_null("means", limit.means)
      .text_or_null("note", limit.note)
      .str();
}

}  // namespace

ipc::Result<void> RunLimits::attempt(const ipc::RunLimits& limits) {
  auto made = ipc::make_groups(limits);
  (void)ipc::remove_groups(limits.groups(), 0);
  return made;
}

RunLimits::RunLimits(const ipc::Layout& layout, const Wanted& wanted,
                     const std::function<GroupTree()>& tree, const Attempt& attempt)
    : layout_(layout), prefix_("charter-" + ipc::hash_of(layout.data_dir()) + "-") {
  memory_.value = wanted.memory;
  pids_.value = wanted.pids;
  cpu_.value = wanted.cpu;
  if (wanted.memory == 0 && wanted.pids == 0 && wanted.cpu == 0) return;
  LimitProbe probe(tree(), prefix_ + "probe", attempt);
  if (wanted.memory > 0) probe.find("memory", memory_);
  if (wanted.pids > 0) probe.find("pids", pids_);
  if (wanted.cpu > 0) probe.find("cpu", cpu_);
  // A group for that alone would cost each run the wait of entering it.
  for (const LimitState* limit : {&memory_, &pids_, &cpu_}) {
    if (limit->means == "cgroup v2") kill_base_ = limit->base;
  }
  if (memory_.value > 0 && memory_.means.empty()) {
    memory_.means = "rlimit";
    memory_.note = "of each process alone, not of the run, since " + memory_.note;
  }
  if (pids_.value > 0 && pids_.means.empty()) {
    pids_.note += "; RLIMIT_NPROC would count all of the user's processes";
  }
}

std::vector<std::string> RunLimits::change(const Wanted& wanted) {
  std::vector<std::string> later;
  const auto take = [&later](LimitState& limit, std::uint64_t value, const char* name) {
    const bool looked_for = !limit.means.empty() || !limit.note.empty();
    if (looked_for) {
      limit.value = value;
    } else if (value != limit.value) {
      later.emplace_back(name);
    }
  };
  take(memory_, wanted.memory, "memory");
  take(pids_, wanted.pids, "pids");
  take(cpu_, wanted.cpu, "cpu");
  return later;
}

ipc::RunLimits RunLimits::of(std::string_view run, std::uint32_t burst) const {
  const std::string name = "/" + prefix_ + std::string(run) + "-" + std::to_string(burst);
  const auto below = [&name](const std::string& base) { return base.empty() ? base : base + name; };
  ipc::RunLimits limits;
  limits.memory = memory_.means.empty() ? 0 : memory_.value;
  limits.pids = pids_.means.empty() ? 0 : pids_.value;
  limits.cpu = cpu_.means.empty() ? 0 : cpu_.value;
  if (memory_.value > 0) limits.memory_group = below(memory_.base);
  if (pids_.value > 0) limits.pids_group = below(pids_.base);
  if (cpu_.value > 0) limits.cpu_group = below(cpu_.base);
  limits.kill_group = below(kill_base_);
  return limits;
}

std::vector<std::string> RunLimits::bases() const {
  std::vector<std::string> all;
  for (const std::string& base : {memory_.base, pids_.base, cpu_.base, kill_base_}) {
    if (!base.empty() && std::find(all.begin(), all.end(), base) == all.end()) all.push_back(base);
  }
  return all;
}

// `group` is the name behind the prefix: RUN-BURST.
bool RunLimits::has_worker(const std::string& group) const {
  const std::string run = group.substr(0, group.rfind('-'));
  if (!ipc::valid_run_id(run)) return false;
  const ipc::UniqueFd journal(::open(layout_.journal(run).c_str(), O_RDWR | O_CLOEXEC));
  if (!journal) return errno != ENOENT;
  const auto locked = ipc::is_locked(journal.get());
  return !locked || *locked;
}

void RunLimits::sweep_below(const std::string& base, int patience_ms,
                            std::vector<std::string>& left) const {
  for (const std::string& name : names_below(base, prefix_)) {
    if (has_worker(name.substr(prefix_.size()))) continue;
    const std::string group = base + "/" + name;
    ipc::kill_group(group);
    end_members(group);
    if (!ipc::remove_groups({group}, patience_ms)) left.push_back(group);
  }
}

// The next daemon may begin in another group: a file says where there may be some.
std::vector<std::string> RunLimits::sweep(int patience_ms) const {
  std::vector<std::string> left;
  const std::string record = layout_.data_dir() + "/groups";
  std::vector<std::string> all = bases();
  for (std::string& base : lines_in(record)) {
    if (std::find(all.begin(), all.end(), base) == all.end()) all.push_back(std::move(base));
  }
  if (all.empty()) return left;
  for (const std::string& base : all) sweep_below(base, patience_ms, left);
  const std::vector<std::string> here = bases();
  std::string text;
  for (const std::string& base : all) {
    const bool used = std::find(here.begin(), here.end(), base) != here.end();
    if (used || !names_below(base, prefix_).empty()) text += base + "\n";
  }
  if (text == ipc::text_of_file(record, kMostFileBytes)) return left;
  if (auto written = ipc::replace_text_file(record, text, false); !written) {
    log::warning("{}", written.error().message());
  }
  return left;
}

std::size_t RunLimits::held_back() const {
  if (cpu_.base.empty()) return 0;
  const auto names = names_below(cpu_.base, prefix_);
  return static_cast<std::size_t>(
      std::count_if(names.begin(), names.end(), [this](const std::string& name) {
        ipc::RunLimits limits;
        limits.cpu_group = cpu_.base + "/" + name;
        return ipc::count_groups(limits).cpu_held_back > 0;
      }));
}

std::vector<std::string> RunLimits::warnings() const {
  std::vector<std::string> lines;
  const auto add = [&lines](const char* option, const LimitState& limit) {
    if (limit.value == 0 || limit.note.empty()) return;
    lines.push_back(
        limit.means.empty()
            ? fmt::format("--{} is NOT in force: {}", option, limit.note)
            : fmt::format("--{} is in force by {} only: {}", option, limit.means, limit.note));
  };
  add("run-memory-max", memory_);
  add("run-pids-max", pids_);
  add("run-cpu-max", cpu_);
  return lines;
}

std::string RunLimits::json(const Others& others) const {
  const std::int64_t time = others.run_time_max_ms;
  return ipc::JsonObject()
      .raw("run_time_max_ms", time > 0 ? std::to_string(time) : "null")
      .raw("memory", limit_json(memory_))
      .raw("pids", limit_json(pids_))
      .raw("cpu", limit_json(cpu_))
      .raw("step_output_max", std::to_string(others.step_output_max))
      .raw("run_log_max", std::to_string(others.run_log_max))
      .str();
}

}  // namespace charter::supervisor
