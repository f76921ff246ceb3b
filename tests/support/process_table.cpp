#include "tests/support/process_table.h"

#include <cctype>
#include <filesystem>
#include <map>

#include "tests/support/files.h"

namespace charter::tests {
namespace {

struct Entry {
  pid_t parent = 0;
  char state = '?';
};

std::string proc(pid_t pid, std::string_view what) {
  return "/proc/" + std::to_string(pid) + "/" + std::string(what);
}

// Parent and state; the name in parentheses may hold anything, so count from its last one.
Entry entry_of(pid_t pid) {
  const std::string stat = read_file(proc(pid, "stat"));
  const auto close = stat.rfind(')');
  if (close == std::string::npos || close + 4 >= stat.size()) return {};
  return {static_cast<pid_t>(std::stol(stat.substr(close + 4))), stat[close + 2]};
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> pids;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename();
    if (std::isdigit(static_cast<unsigned char>(name[0])) != 0) pids.push_back(std::stoi(name));
  }
  return pids;
}

}  // namespace

std::vector<pid_t> children_of(pid_t pid) {
  std::vector<pid_t> children;
  for (const pid_t other : all_processes()) {
    if (entry_of(other).parent == pid) children.push_back(other);
  }
  return children;
}

std::vector<pid_t> descendants_of(pid_t pid) {
  std::multimap<pid_t, pid_t> below;
  for (const pid_t other : all_processes()) below.emplace(entry_of(other).parent, other);
  std::vector<pid_t> found{pid};
  for (std::size_t at = 0; at < found.size(); ++at) {
    const auto [begin, end] = below.equal_range(found[at]);
    for (auto child = begin; child != end; ++child) found.push_back(child->second);
  }
  found.erase(found.begin());
  return found;
}

bool alive(pid_t pid) {
  const char state = entry_of(pid).state;
  return state != '?' && state != 'Z' && state != 'X';
}

std::vector<pid_t> with_variable(std::string_view name, std::string_view value) {
  const std::string wanted =
      std::string(1, '\0') + std::string(name) + "=" + std::string(value) + std::string(1, '\0');
  std::vector<pid_t> found;
  for (const pid_t pid : all_processes()) {
    const std::string variables = std::string(1, '\0') + environment_of(pid);
    if (variables.find(wanted) != std::string::npos && alive(pid)) found.push_back(pid);
  }
  return found;
}

std::string environment_of(pid_t pid) { return read_file(proc(pid, "environ")); }

std::string command_line_of(pid_t pid) { return read_file(proc(pid, "cmdline")); }

std::vector<std::string> descriptors_of(pid_t pid) {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(proc(pid, "fd"), error)) {
    std::error_code gone;
    const auto target = std::filesystem::read_symlink(entry.path(), gone);
    if (!gone) found.push_back(entry.path().filename().string() + " -> " + target.string());
  }
  return found;
}

}  // namespace charter::tests
