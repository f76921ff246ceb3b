#include "tests/support/standstill.h"

#include <unistd.h>

#include <filesystem>
#include <string_view>

#include "tests/support/child_process.h"
#include "tests/support/files.h"
#include "tests/support/process_table.h"

namespace charter::tests {
namespace {

constexpr const char* kDebugger = "/usr/bin/gdb";

std::string first_line(const std::string& path) {
  const std::string text = read_file(path);
  return text.substr(0, text.find('\n'));
}

std::string field(const std::string& status, std::string_view name) {
  const auto at = status.find(name);
  if (at == std::string::npos) return "?";
  const auto begin = status.find_first_not_of(" \t", at + name.size());
  return status.substr(begin, status.find('\n', begin) - begin);
}

std::string thread_text(const std::string& task) {
  const std::string status = read_file(task + "/status");
  if (status.empty()) return {};
  std::string text = "  thread " + std::filesystem::path(task).filename().string() + " (" +
                     field(status, "Name:") + "), " + field(status, "State:") + ", tracer " +
                     field(status, "TracerPid:") + ", ran, waited for a processor (ns), turns " +
                     first_line(task + "/schedstat") + ", wchan " + first_line(task + "/wchan") +
                     ", call " + first_line(task + "/syscall") + "\n";
  for (const std::string& frame : lines_of(task + "/stack")) text += "    " + frame + "\n";
  return text;
}

std::string process_text(pid_t pid) {
  std::string command = command_line_of(pid);
  for (char& c : command) {
    if (c == '\0') c = ' ';
  }
  std::string text = "process " + std::to_string(pid) + ": " + command + "\n";
  std::error_code gone;
  const std::string tasks = "/proc/" + std::to_string(pid) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks, gone)) {
    text += thread_text(task.path());
  }
  return gone ? std::string() : text;
}

}  // namespace

std::string standstill_of(pid_t pid) {
  std::string text = process_text(pid);
  for (const pid_t below : descendants_of(pid)) text += process_text(below);
  text += "load " + first_line("/proc/loadavg") + "\n";
  if (::access(kDebugger, X_OK) != 0) return text;
  ChildSpec spec;
  spec.argv = {kDebugger, "-p", std::to_string(pid), "-batch", "-ex", "thread apply all bt 40"};
  return text + run_to_end(std::move(spec), kSoon).out;
}

}  // namespace charter::tests
