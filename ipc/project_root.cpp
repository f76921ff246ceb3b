#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <climits>
#include <cstdlib>
#include <memory>
#include <string>
#include <string_view>

#include "ipc/job.h"
#include "ipc/layout.h"
#include "ipc/regular_file.h"
#include "ipc/unique_fd.h"

namespace charter::ipc {
namespace {

constexpr std::size_t kLargestProjectFile = 4U << 20;

bool is_directory(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool is_file(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

// Whether a YAML value written on one line is a text with something in it. Numbers and booleans
// count as texts here; whoever reads the file as YAML says what is wrong with them.
bool is_some_text(std::string_view value) {
  value = trimmed(value);
  if (value.empty() || value.front() == '#') return false;
  if (value.front() == '"' || value.front() == '\'') {
    return value.size() > 2 && value[1] != value.front();
  }
  const std::string_view word = trimmed(value.substr(0, value.find(" #")));
  return word != "~" && word != "null" && word != "Null" && word != "NULL" && word.front() != '[' &&
         word.front() != '{';
}

// The value of a line `name: value` that begins in the first column, the name quoted or not.
bool is_name_line(std::string_view line) {
  for (const std::string_view key : {"name", "\"name\"", "'name'"}) {
    if (!line.starts_with(key)) continue;
    const std::string_view rest = trimmed(line.substr(key.size()));
    if (rest.empty() || rest.front() != ':') continue;
    if (rest.size() > 1 && rest[1] != ' ' && rest[1] != '\t') continue;
    return is_some_text(rest.substr(1));
  }
  return false;
}

bool has_name(const std::string& path) {
  const auto fd = open_regular(path, O_RDONLY);
  if (!fd) return false;
  const auto text = read_all(fd->get(), kLargestProjectFile);
  if (!text) return false;
  for (std::string_view rest = *text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    if (is_name_line(rest.substr(0, end))) return true;
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  return false;
}

bool is_project_root(const std::string& directory) {
  const std::string prefix = directory == "/" ? "/" : directory + "/";
  const std::string file = prefix + "charter.yml";
  return is_file(file) && (is_directory(prefix + ".charter") ||
                           is_directory(prefix + "workflows") || has_name(file));
}

std::string current_directory() {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(".", nullptr), &std::free);
  return real ? std::string(real.get()) : std::string();
}

// The nearest part of the path that exists, without links.
std::string resolved(std::string path) {
  for (;;) {
    const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                           &std::free);
    if (real) return real.get();
    const std::size_t slash = path.rfind('/');
    path = slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
    if (path == "/" || path == ".") return path == "/" ? path : current_directory();
  }
}

}  // namespace

std::string find_project_root(const std::string& from) {
  std::string directory = resolved(from.empty() ? "." : from);
  while (!directory.empty()) {
    if (is_project_root(directory)) return directory;
    if (directory == "/") break;
    const std::size_t slash = directory.rfind('/');
    directory = slash == 0 ? "/" : directory.substr(0, slash);
  }
  return {};
}

}  // namespace charter::ipc
