// The project, what a start would be told, and what executes its runs.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <climits>
#include <filesystem>

#include "ipc/versions.h"
#include "supervisor/doctor/brief_command.h"
#include "supervisor/doctor/subject.h"

namespace charter::supervisor {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::milliseconds kCommandMs{5000};

std::string own_directory() {
  std::array<char, PATH_MAX> path{};
  const ssize_t size = ::readlink("/proc/self/exe", path.data(), path.size() - 1);
  if (size <= 0) return ".";
  const std::string file(path.data(), static_cast<std::size_t>(size));
  return file.substr(0, file.rfind('/'));
}

bool executable(const std::string& path) { return ::access(path.c_str(), X_OK) == 0; }

// Along PATH; empty when there is none.
std::string find_command(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = std::string(rest.substr(0, end)) + "/" + std::string(name);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    std::error_code ec;
    if (fs::is_regular_file(candidate, ec) && executable(candidate)) return candidate;
  }
  return {};
}

void check_worker(Report& report) {
  const std::string here = own_directory();
  const std::string ours(ipc::product_version());
  for (const std::string& path :
       {here + "/charter-worker", here + "/../libexec/charter-daemon/charter-worker"}) {
    if (!executable(path)) continue;
    const auto line = first_line_of({path, "--version"}, kCommandMs);
    if (!line) {
      return report.fail("worker", line.error().message(), "install charter-daemon again");
    }
    if (*line != "charter-worker " + ours) {
      return report.fail("worker", path + " says '" + *line + "', this is charter-daemon " + ours,
                         "install both from the same package");
    }
    return report.ok("worker", *line);
  }
  report.fail("worker", "charter-worker is not beside charter-daemon in " + here,
              "install charter-daemon again");
}

// Only what uses Python needs an interpreter.
void check_python(const Subject& subject, Report& report) {
  const std::string python = subject.layout->venv_bin() + "/python";
  std::error_code ec;
  if (!fs::exists(fs::symlink_status(python, ec))) {
    return report.ok("python", "the project has no interpreter; only what uses Python needs one");
  }
  const auto line = first_line_of({python, "--version"}, kCommandMs);
  if (line) return report.ok("python", *line + " in " + python);
  report.fail("python", "the project's interpreter does not work: " + line.error().message(),
              "make it anew with: charter install");
}

void check_toolchain(const Subject& subject, Report& report) {
  if (subject.options && !subject.options->toolchain_python.empty()) {
    const std::string& python = subject.options->toolchain_python;
    const auto line = first_line_of({python, "--version"}, kCommandMs);
    if (line) return report.ok("toolchain", *line + " by --toolchain-python");
    return report.fail("toolchain", line.error().message(),
                       "name a Python that works with --toolchain-python");
  }
  const std::string charter = find_command("charter");
  if (!charter.empty()) return report.ok("toolchain", charter);
  report.ok(
      "toolchain",
      "no 'charter' command on PATH; only Python integrations that need its packages miss it");
}

void check_directory(const Subject& subject, Report& report) {
  const std::string& root = subject.layout->root();
  std::error_code ec;
  const std::string state = subject.layout->charter_dir();
  const bool there = fs::is_directory(state, ec);
  if (::access((there ? state : root).c_str(), W_OK | X_OK) != 0) {
    return report.fail("project", (there ? state : root) + " cannot be written by this user",
                       "run the daemon as the user whom the project belongs to");
  }
  std::size_t workflows = 0;
  for (const auto& entry : fs::directory_iterator(root + "/workflows", ec)) {
    std::error_code unreadable;
    if (fs::exists(entry.path() / "plan.yml", unreadable)) ++workflows;
  }
  if (workflows == 0) {
    return report.warn("project", root + " has no workflow",
                       "a workflow is workflows/ID with plan.yml and manifest.yml");
  }
  report.ok("project", root + ", " + std::to_string(workflows) +
                           (workflows == 1 ? " workflow" : " workflows"));
}

}  // namespace

void check_project(const Subject& subject, Report& report) {
  if (!subject.target) {
    report.fail("project", subject.complaint, "go there, or name it with --project-path");
  } else {
    check_directory(subject, report);
    if (subject.options) {
      std::string warnings;
      for (const std::string& one : subject.options->warnings) {
        warnings += (warnings.empty() ? "" : "; ") + one;
      }
      if (warnings.empty()) {
        report.ok("options", "a start would take them");
      } else {
        report.warn("options", warnings, "see 'charter-daemon help environment'");
      }
    } else {
      report.fail("options", "a start would refuse them: " + subject.complaint,
                  "correct it where it comes from: option, environment or --config");
    }
  }
  check_worker(report);
  if (!subject.target) return;
  check_python(subject, report);
  check_toolchain(subject, report);
}

}  // namespace charter::supervisor
