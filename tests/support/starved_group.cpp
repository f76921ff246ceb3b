#include "tests/support/starved_group.h"

#include <sched.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/support/files.h"
#include "tests/support/process_table.h"

namespace charter::tests {
namespace {

// Where this process is in the hierarchy that shares out processors; empty when there is none.
std::string own_group(bool& second) {
  std::string relative, point;
  second = false;
  std::istringstream groups(read_file("/proc/self/cgroup"));
  for (std::string line; std::getline(groups, line);) {
    if (line.find(":cpu:") != std::string::npos || line.find(":cpu,cpuacct:") != std::string::npos)
      relative = line.substr(line.rfind(':') + 1);
  }
  std::istringstream mounts(read_file("/proc/self/mounts"));
  for (std::string source, at, type, options, rest;
       mounts >> source >> at >> type >> options && std::getline(mounts, rest);) {
    const bool first = type == "cgroup" && ("," + options + ",").find(",cpu,") != std::string::npos;
    if (first) return at + relative;
    if (type == "cgroup2") point = at;
  }
  second = true;
  return point;
}

bool put(const std::string& path, const std::string& value) {
  std::ofstream file(path);
  file << value;
  file.close();
  return file.good();
}

ChildProcess busy_loop() {
  ChildSpec spec;
  spec.argv = {"/bin/sh", "-c", "while :; do :; done"};
  return ChildProcess(spec);
}

// With all its threads.
bool pin(pid_t process, int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  std::error_code gone;
  bool pinned = false;
  const auto tasks = "/proc/" + std::to_string(process) + "/task";
  for (const auto& entry : std::filesystem::directory_iterator(tasks, gone)) {
    const pid_t thread = std::stoi(entry.path().filename().string());
    pinned = ::sched_setaffinity(thread, sizeof set, &set) == 0 || pinned;
  }
  return pinned;
}

int first_processor() {
  cpu_set_t set;
  CPU_ZERO(&set);
  (void)::sched_getaffinity(0, sizeof set, &set);
  int processor = 0;
  while (processor < CPU_SETSIZE - 1 && !CPU_ISSET(processor, &set)) ++processor;
  return processor;
}

}  // namespace

StarvedGroup::StarvedGroup() : processor_(first_processor()) {
  build();
  if (why_not_.empty() && !eventually(kSoon, [this] { return starves(); })) {
    why_not_ = "what is in the group gets its share all the same";
  }
}

void StarvedGroup::build() {
  bool second = false;
  const std::string own = own_group(second);
  if (own.empty()) {
    why_not_ = "no hierarchy of groups shares out processors";
    return;
  }
  group_ = own + "/charter-test-starved-" + std::to_string(::getpid());
  rich_ = group_ + "/rich";
  poor_ = group_ + "/poor";
  for (const std::string& group : {group_, rich_, poor_}) {
    if (group != group_ && second) (void)put(group_ + "/cgroup.subtree_control", "+cpu");
    if (::mkdir(group.c_str(), 0755) != 0) {
      why_not_ = "make " + group + ": " + std::strerror(errno);
      return;
    }
  }
  const char* weight = second ? "/cpu.weight" : "/cpu.shares";
  if (!put(rich_ + weight, second ? "10000" : "262144") ||
      !put(poor_ + weight, second ? "1" : "2")) {
    why_not_ = "weights cannot be set in " + group_;
    return;
  }
  greedy_ = busy_loop();
  first_ = busy_loop();
  if (!pin(greedy_.pid(), processor_) ||
      !put(rich_ + "/cgroup.procs", std::to_string(greedy_.pid())) || !take(first_.pid())) {
    why_not_ = "processes cannot be moved into " + group_;
  }
}

StarvedGroup::~StarvedGroup() {
  feed();
  first_.kill();
  for (const std::string& group : {rich_, poor_, group_}) {
    // The dead leave it a moment after they are gone from the process table.
    if (!group.empty()) {
      (void)eventually(kSoon, [&] { return ::rmdir(group.c_str()) == 0 || errno == ENOENT; });
    }
  }
}

bool StarvedGroup::take(pid_t process) const {
  return pin(process, processor_) && put(poor_ + "/cgroup.procs", std::to_string(process));
}

void StarvedGroup::feed() { greedy_.kill(); }

// Somebody who cannot even end in it.
bool StarvedGroup::starves() const {
  ChildSpec spec;
  spec.argv = {"/bin/sleep", "1000"};
  ChildProcess probe(spec);
  if (!eventually(kSoon, [&] { return command_line_of(probe.pid()).starts_with("/bin/sleep"); })) {
    return false;
  }
  if (!take(probe.pid())) return false;
  probe.signal(SIGKILL);
  const bool lives = throughout(milliseconds(500), [&] { return alive(probe.pid()); });
  // Back to where it can.
  (void)put(rich_ + "/cgroup.procs", std::to_string(probe.pid()));
  return lives;
}

}  // namespace charter::tests
