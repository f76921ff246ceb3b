#include "supervisor/doctor/bundle.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ipc/journal.h"
#include "ipc/json_object.h"
#include "ipc/text_file.h"
#include "ipc/unique_fd.h"
#include "ipc/versions.h"
#include "supervisor/doctor/brief_command.h"
#include "supervisor/doctor/scrubber.h"
#include "supervisor/link/gateway_address.h"

namespace charter::supervisor {
namespace {

namespace fs = std::filesystem;
using client::Fields;

constexpr off_t kLogTail = 256 << 10;
constexpr std::size_t kMostSmallFile = 64U << 10;
constexpr std::size_t kMostListed = 10'000;  // files of one directory

constexpr std::string_view kReadme =
    "What this is: the output of 'charter-daemon support-bundle', for somebody who is to find out\n"
    "what is wrong with a daemon.\n"
    "\n"
    "versions.txt  of the program, its formats, the kernel and the system\n"
    "doctor.json   what 'charter-daemon doctor' found\n"
    "status.json   what the running daemon says of itself\n"
    "list.json     its runs, without the texts of their errors\n"
    "options.txt   the options of 'start' as they were found, and where each came from\n"
    "files.txt     names, sizes and times of the daemon's files and of the runs' state files\n"
    "host.txt      limits of this process and of the daemon, control groups, memory, load\n"
    "daemon.log    the end of the daemon's log, where it goes to a file\n"
    "\n"
    "What is not in it: tokens, passwords and secrets (<removed>), inputs and outputs of steps,\n"
    "artifacts, plans, the contents of state files, of the ledger, of journals, of runs' logs and\n"
    "of workers.log, and the environment. Names of workflows, ids of runs and paths are in it.\n";

std::string versions() {
  std::ostringstream out;
  out << "charter-daemon " << ipc::product_version() << "\n";
  for (const ipc::FormatVersion& format : ipc::format_versions()) {
    out << format.name << " " << format.version << "\n";
  }
  utsname name{};
  if (::uname(&name) == 0) {
    out << name.sysname << " " << name.release << " " << name.version << " " << name.machine
        << "\n";
  }
  return out.str() + ipc::text_of_file("/etc/os-release", kMostSmallFile);
}

std::string no_answer(const Subject& subject) {
  const std::string why = subject.target ? subject.no_answer : subject.complaint;
  return ipc::JsonObject().text("no_answer", why).str() + "\n";
}

std::string list_of(const Subject& subject) {
  if (!subject.ping) return no_answer(subject);
  const auto answer = client::ask(*subject.target, client::Request("list"), client::in_ms(10'000));
  if (!answer) return ipc::JsonObject().text("no_answer", answer.error().message).str() + "\n";
  std::string runs = "[";
  for (const Fields& run : answer->objects("runs")) {
    if (runs.size() > 1) runs += ",\n";
    runs += without_errors(run);
  }
  return R"({"runs":)" + runs + "]}\n";
}

std::string_view name_of_source(ipc::OptionSource source) {
  switch (source) {
    case ipc::OptionSource::command_line:
      return "command line";
    case ipc::OptionSource::environment:
      return "environment";
    case ipc::OptionSource::config:
      return "configuration file";
    case ipc::OptionSource::fallback:
      return "default";
    case ipc::OptionSource::none:
      break;
  }
  return "not set";
}

// A gateway's URL without user and password; one that cannot be read may hold them anywhere.
std::string shown_value(const ipc::OptionSpec& option, const std::string& value) {
  if (option.name != "gateway") return value;
  const auto address = parse_gateway_address(value);
  return address ? address->url : "<removed: no URL of a gateway>";
}

std::string options_of(const Subject& subject) {
  std::string out;
  for (const ipc::OptionSpec& option : start_command().options) {
    if (option.repeatable) continue;
    const bool there = subject.values.has(option.name);
    const std::string value = !there ? ""
                              : option.kind == ipc::OptionKind::flag
                                  ? (subject.values.flag(option.name) ? "yes" : "no")
                                  : shown_value(option, subject.values.text(option.name));
    out += std::string(option.name) + " = " + value + "  (" +
           std::string(name_of_source(subject.values.source(option.name))) + ")\n";
  }
  const bool token = subject.options && !subject.options->token.empty();
  return out + "token: " + (token ? "there is one" : "none is known") + "\n";
}

// One directory's entries with their sizes, those below it as well.
void list_files(const std::string& directory, std::ostringstream& out) {
  std::vector<std::string> lines;
  std::error_code ec;
  std::uintmax_t total = 0;
  fs::recursive_directory_iterator at(directory, fs::directory_options::skip_permission_denied, ec);
  for (const fs::recursive_directory_iterator end; !ec && at != end; at.increment(ec)) {
    struct stat info {};
    const std::string path = at->path().string();
    if (::lstat(path.c_str(), &info) != 0) continue;
    total += static_cast<std::uintmax_t>(info.st_size);
    std::ostringstream line;
    line << std::oct << (info.st_mode & 07777) << std::dec << " " << info.st_size << " "
         << ipc::wire_time(std::int64_t{info.st_mtim.tv_sec} * 1'000'000) << " " << path;
    lines.push_back(line.str());
  }
  std::ranges::sort(lines);
  out << directory << ": " << lines.size() << " entries, " << total << " bytes\n";
  for (std::size_t i = 0; i < lines.size() && i < kMostListed; ++i) out << lines[i] << "\n";
  if (lines.size() > kMostListed) out << "(and " << lines.size() - kMostListed << " more)\n";
  out << "\n";
}

std::string files_of(const Subject& subject) {
  std::ostringstream out;
  if (!subject.layout) return "no project\n";
  list_files(subject.layout->data_dir(), out);
  list_files(subject.layout->runs_dir(), out);
  return out.str();
}

pid_t daemon_pid(const Subject& subject) {
  return subject.ping ? static_cast<pid_t>(subject.ping->number("pid").value_or(0)) : 0;
}

std::string host(const Subject& subject) {
  std::string out;
  const auto add = [&out](const std::string& path) {
    out += "== " + path + "\n" + ipc::text_of_file(path, kMostSmallFile) + "\n";
  };
  add("/proc/self/limits");
  add("/proc/self/cgroup");
  if (const pid_t pid = daemon_pid(subject); pid > 0) {
    const std::string process = "/proc/" + std::to_string(pid);
    add(process + "/limits");
    add(process + "/cgroup");
  }
  add("/proc/meminfo");
  add("/proc/loadavg");
  return out;
}

std::string tail_of(int file) {
  const off_t size = ::lseek(file, 0, SEEK_END);
  const off_t from = std::max<off_t>(0, size - kLogTail);
  std::string text(static_cast<std::size_t>(size - from), '\0');
  const ssize_t got = ::pread(file, text.data(), text.size(), from);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  // The line that was cut is left out: a secret in it might not be known by its half.
  if (from > 0) text.erase(0, std::min(text.find('\n'), text.size() - 1) + 1);
  return text;
}

// The file of --log-file, where there is such an option and it was given.
std::string named_log(const Subject& subject) {
  for (const ipc::OptionSpec& option : start_command().options) {
    if (option.name == "log-file") return subject.values.text(option.name);
  }
  return {};
}

// Where no file is named the daemon logs on its standard error: a file there can be read, a pipe or
// the journal cannot from here.
std::string log_of(const Subject& subject, const Scrubber& scrubber) {
  std::string path = named_log(subject);
  if (path.empty()) {
    const pid_t pid = daemon_pid(subject);
    if (pid <= 0) return "no daemon runs here\n";
    path = "/proc/" + std::to_string(pid) + "/fd/2";
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return "its standard error cannot be looked at\n";
    if (!S_ISREG(info.st_mode)) {
      return "the daemon's log does not go to a file; for a service: journalctl _PID=" +
             std::to_string(pid) + "\n";
    }
  }
  const ipc::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat opened {};
  if (!file || ::fstat(file.get(), &opened) != 0 || !S_ISREG(opened.st_mode)) {
    return "the daemon's log cannot be read\n";
  }
  return scrubber.clean_log(tail_of(file.get()));
}

}  // namespace

std::vector<BundleFile> bundle_of(const Subject& subject, const Report& report) {
  const Scrubber scrubber(subject);
  const std::string status =
      subject.status ? std::string(subject.status->raw("daemon")) + "\n" : no_answer(subject);
  std::vector<BundleFile> files{
      {"README.txt", std::string(kReadme)},     {"versions.txt", versions()},
      {"doctor.json", report.json()},           {"status.json", status},
      {"list.json", list_of(subject)},          {"options.txt", options_of(subject)},
      {"files.txt", files_of(subject)},         {"host.txt", host(subject)},
      {"daemon.log", log_of(subject, scrubber)}};
  for (BundleFile& file : files) file.text = scrubber.clean(std::move(file.text));
  return files;
}

}  // namespace charter::supervisor
