// The project, what a start would be told, and what executes its runs.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
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

// Empty when there is none.
std::string worker_path() {
  const std::string here = own_directory();
  for (const std::string& path :
       {here + "/charter-worker", here + "/../libexec/charter-daemon/charter-worker"}) {
    if (executable(path)) return path;
  }
  return {};
}

void check_worker(Report& report) {
  const std::string ours(ipc::product_version());
  if (const std::string path = worker_path(); !path.empty()) {
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
  report.fail("worker", "charter-worker is not beside charter-daemon in " + own_directory(),
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
    const bool is_python = line && line->starts_with("Python ");
    if (is_python) return report.ok("toolchain", *line + " by --toolchain-python");
    return report.fail(
        "toolchain",
        line ? python + " is no Python: it says '" + *line + "'" : line.error().message(),
        "name a Python that works with --toolchain-python");
  }
  const std::string charter = find_command("charter");
  if (!charter.empty()) return report.ok("toolchain", charter);
  report.ok(
      "toolchain",
      "no 'charter' command on PATH; only Python integrations that need its packages miss it");
}

// Of the places that the options name: the first that a start could not use.
std::string unusable_place(const StartOptions& options) {
  std::error_code ec;
  if (const std::string& log = options.log_file; !log.empty()) {
    const std::string directory = fs::path(log).parent_path();
    const std::string& written = fs::exists(log, ec) ? log : directory;
    if (fs::is_directory(log, ec)) return "--log-file: " + log + " is a directory";
    if (::access(written.c_str(), W_OK) != 0) {
      return "--log-file: " + written + ": " + std::strerror(errno);
    }
  }
  const std::string& data = options.data_dir;
  if (!data.empty() && fs::exists(data, ec) && !fs::is_directory(data, ec)) {
    return "--data-dir: " + data + " is no directory";
  }
  return {};
}

// As whoever starts a run will find it (worker/plan/examine.h).
void examine(const std::string& root, Report& report) {
  const auto line = first_line_of({worker_path(), "examine", root}, kCommandMs);
  if (!line) return report.warn("project", line.error().message(), "see 'worker'");
  const std::size_t space = std::min(line->find(' '), line->size() - 1);
  const std::string verdict = line->substr(0, space);
  const std::string rest = line->substr(space + 1);
  if (verdict == "project") {
    return report.fail("project", rest, "correct charter.yml: until then no run can be started");
  }
  const std::string number = rest.substr(0, rest.find(' '));
  const std::string what = root + ", " + number + (number == "1" ? " workflow" : " workflows");
  if (verdict == "broken") {
    return report.warn("project",
                       what + ", of which one cannot be started: " +
                           rest.substr(std::min(number.size() + 1, rest.size())),
                       "correct its manifest.yml");
  }
  if (number == "0") {
    return report.warn("project", root + " has no workflow",
                       "a workflow is workflows/ID with plan.yml and manifest.yml");
  }
  report.ok("project", what);
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
  examine(root, report);
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
      if (const std::string bad = unusable_place(*subject.options); !bad.empty()) {
        report.fail("options", "a start would fail: " + bad,
                    "correct it where it comes from: option, environment or --config");
      } else if (warnings.empty()) {
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
