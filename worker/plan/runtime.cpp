#include "worker/plan/runtime.h"

#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <cstdlib>
#include <optional>
#include <utility>

#include "worker/json/python.h"
#include "worker/plan/paths.h"
#include "worker/plan/secrets.h"

namespace charter::worker {
namespace {

constexpr std::size_t kMostHead = 4096;  // of a script, in which its interpreter is named
constexpr std::string_view kOption = "--toolchain-python (CHARTER_DAEMON_TOOLCHAIN_PYTHON)";

std::string_view stripped(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

// "3.11" of "3.11.7"; empty when it is no version.
std::string minor_version(std::string_view text) {
  const auto digits = [text](std::size_t at) {
    const std::size_t end = text.find_first_not_of("0123456789", at);
    return std::min(end, text.size());
  };
  const std::size_t major = digits(0);
  if (major == 0 || major >= text.size() || text[major] != '.') return {};
  const std::size_t minor = digits(major + 1);
  if (minor == major + 1) return {};
  return std::string(text.substr(0, minor));
}

// What the file in a virtual environment's directory says its interpreter's version is.
std::string configured_version(Files& files, const std::string& environment) {
  const std::string path = join(environment, "pyvenv.cfg");
  if (!files.is_file(path)) return {};
  const auto text = files.read(path);
  if (!text) return {};
  for (std::string_view rest(*text); !rest.empty();) {
    const std::string_view line = take_line(rest);
    if (!line.starts_with("version = ") && !line.starts_with("version_info = ")) continue;
    return minor_version(stripped(line.substr(line.find('=') + 1)));
  }
  return {};
}

// Where the file, all links followed, lies.
std::string real_path(const std::string& path) {
  std::array<char, PATH_MAX> resolved{};
  return ::realpath(path.c_str(), resolved.data()) == nullptr ? path : resolved.data();
}

// Along PATH; empty when there is none.
std::string find_command(Files& files, std::string_view name) {
  const char* path = std::getenv("PATH");
  for (std::string_view rest(path == nullptr ? "" : path); !rest.empty();) {
    const std::size_t end = std::min(rest.find(':'), rest.size());
    const std::string candidate = join(rest.substr(0, end), name);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (files.is_file(candidate) && ::access(candidate.c_str(), X_OK) == 0) return candidate;
  }
  return {};
}

// The interpreter of a script: of its first line, or, where that would have been too long for the
// kernel, of the second, which has the shell execute it.
std::string interpreter_of(Files& files, const std::string& script) {
  const auto text = files.read(script);
  if (!text || !text->starts_with("#!")) return {};
  std::string_view rest = std::string_view(*text).substr(2, kMostHead);
  std::string_view first = stripped(take_line(rest));
  if (first == "/bin/sh") {
    first = stripped(take_line(rest));
    if (!first.starts_with("'''exec' ")) return {};
    first = stripped(first.substr(9));
    if (first.starts_with('"')) return std::string(first.substr(1, first.find('"', 1) - 1));
  }
  if (first.starts_with("/usr/bin/env ")) {
    const std::string_view command = stripped(first.substr(first.rfind(' ')));
    return command.starts_with("python") ? find_command(files, command) : std::string();
  }
  return std::string(first.substr(0, first.find(' ')));
}

struct Toolchain {
  std::string python;
  std::string version;
  std::vector<std::string> packages;
};

void add_directory(Toolchain& toolchain, const std::string& path) {
  if (Files::is_directory(path)) toolchain.packages.push_back(path);
}

// Of a virtual environment, or of an installed interpreter, whose file is named by its version.
Toolchain toolchain_of(Files& files, const std::string& python) {
  Toolchain toolchain{python, {}, {}};
  const std::string environment = parent(parent(python));
  toolchain.version = configured_version(files, environment);
  if (!toolchain.version.empty()) {
    add_directory(toolchain, environment + "/lib/python" + toolchain.version + "/site-packages");
    return toolchain;
  }
  const std::string real = real_path(python);
  const std::string name = base_name(real);
  if (name.starts_with("python")) toolchain.version = minor_version(name.substr(6));
  if (toolchain.version.empty()) return toolchain;
  const std::string versioned = "lib/python" + toolchain.version;
  if (const char* home = std::getenv("HOME")) {
    add_directory(toolchain, join(home, ".local/" + versioned + "/site-packages"));
  }
  add_directory(toolchain, "/usr/local/" + versioned + "/dist-packages");
  add_directory(toolchain, join(parent(parent(real)), versioned + "/site-packages"));
  if (real.starts_with("/usr/bin/")) add_directory(toolchain, "/usr/lib/python3/dist-packages");
  return toolchain;
}

ipc::Result<std::optional<Toolchain>> find_toolchain(Files& files) {
  const char* named = std::getenv(std::string(kToolchainVariable).c_str());
  if (named != nullptr && *named != '\0') {
    if (!files.is_file(named)) {
      return ipc::plain_error("The Charter toolchain's interpreter is missing at " +
                              std::string(named) + ", which " + std::string(kOption) + " names.");
    }
    return std::optional(toolchain_of(files, named));
  }
  const std::string command = find_command(files, "charter");
  const std::string python = command.empty() ? command : interpreter_of(files, command);
  if (python.empty() || !files.is_file(python)) return std::optional<Toolchain>();
  return std::optional(toolchain_of(files, python));
}

}  // namespace

bool needs_python(const Object& capabilities) {
  if (needs_backends(capabilities)) return true;
  return std::any_of(capabilities.begin(), capabilities.end(), [](const auto& entry) {
    if (!entry.second.is_object()) return false;
    const Value& kind = get(entry.second.as_object(), "kind");
    return kind == Value("python") || kind == Value("entry_point");
  });
}

ipc::Result<PythonRuntime> find_python_runtime(Files& files, const std::string& root) {
  const std::string environment = join(root, ".charter/.venv");
  PythonRuntime runtime{environment + "/bin/python", {}, {}};
  if (!files.is_file(runtime.interpreter)) {
    return ipc::plain_error("Project runtime is missing at " + runtime.interpreter + ".");
  }
  for (const std::string& name : files.list(join(environment, "lib"))) {
    const std::string packages = join(environment, "lib/" + name + "/site-packages");
    if (Files::is_directory(packages)) runtime.project.push_back(packages);
  }
  auto toolchain = find_toolchain(files);
  if (!toolchain) return toolchain.error();
  if (!*toolchain) return runtime;
  const std::string version = configured_version(files, environment);
  const std::string& other = (*toolchain)->version;
  if (!version.empty() && !other.empty() && version != other) {
    return ipc::plain_error(
        "Project environment " + environment + " uses Python " + version +
        ", but the Charter toolchain (" + (*toolchain)->python + ") uses Python " + other +
        ". Recreate the project environment by rerunning 'charter install' with this toolchain, "
        "or name one for Python " +
        version + " with " + std::string(kOption) + ".");
  }
  runtime.toolchain = std::move((*toolchain)->packages);
  return runtime;
}

}  // namespace charter::worker
