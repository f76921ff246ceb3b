#include "tests/support/run_groups.h"

#include <boost/json.hpp>
#include <filesystem>
#include <sstream>

#include "ipc/layout.h"
#include "ipc/short_name.h"
#include "tests/support/daemon_process.h"

namespace charter::tests {
namespace {

namespace fs = std::filesystem;

// Where the hierarchies are mounted.
std::vector<std::string> hierarchies() {
  std::vector<std::string> points;
  std::istringstream mounts(read_file("/proc/self/mounts"));
  for (std::string source, point, type, rest;
       mounts >> source >> point >> type && std::getline(mounts, rest);) {
    if (type == "cgroup" || type == "cgroup2") points.push_back(point);
  }
  return points;
}

void collect(const fs::path& below, const std::string& prefix, std::vector<std::string>& found) {
  std::error_code gone;
  for (const auto& entry : fs::directory_iterator(below, gone)) {
    if (!entry.is_directory(gone)) continue;
    if (entry.path().filename().string().starts_with(prefix)) found.push_back(entry.path());
    collect(entry.path(), prefix, found);
  }
}

}  // namespace

std::vector<std::string> groups_of(const ProjectFixture& project, const std::string& run) {
  const ipc::Layout layout(fs::canonical(project.root()));
  std::string prefix = "charter-" + ipc::hash_of(layout.data_dir()) + "-";
  if (!run.empty()) prefix += run + "-";
  std::vector<std::string> found;
  for (const std::string& point : hierarchies()) collect(point, prefix, found);
  return found;
}

std::string why_no_groups() {
  static const std::string why = [] {
    const ProjectFixture project;
    DaemonOptions options;
    options.arguments = {"--run-memory-max", "64M", "--run-pids-max", "20", "--run-cpu-max", "100"};
    const DaemonProcess daemon(project, options);
    const auto status = charter_daemon(project, {"status", "--json"});
    const auto limits = boost::json::parse(status.out).at("daemon").at("limits");
    for (const char* name : {"memory", "pids", "cpu"}) {
      const auto& means = limits.at(name).at("means");
      if (!means.is_string() || !means.as_string().starts_with("cgroup")) {
        return std::string(limits.at(name).at("note").as_string());
      }
    }
    return std::string();
  }();
  return why;
}

}  // namespace charter::tests
