#include "worker/steps/environment.h"

#include <fcntl.h>

#include <algorithm>

#include "ipc/clean_world.h"
#include "ipc/job.h"
#include "ipc/unique_fd.h"
#include "worker/sandbox/confinement.h"

namespace charter::worker {
namespace {

constexpr std::string_view kDefaultPath = "/bin:/usr/bin";
constexpr std::size_t kMostEnvironment = 4U << 20;

bool names(const std::string& entry, std::string_view name) {
  return entry.size() > name.size() && entry[name.size()] == '=' && entry.starts_with(name);
}

void set(std::vector<std::string>& environment, std::string_view name, std::string_view value) {
  std::string entry(name);
  entry += '=';
  entry += value;
  const auto known = std::find_if(environment.begin(), environment.end(),
                                  [name](const std::string& other) { return names(other, name); });
  if (known == environment.end()) {
    environment.push_back(std::move(entry));
  } else {
    *known = std::move(entry);
  }
}

bool holds_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

}  // namespace

Environment::Environment(const ipc::Layout& layout, const std::string& run_id)
    : base_(ipc::clean_environment()) {
  const std::string first = layout.venv_bin();
  const std::string path(variable(base_, "PATH").value_or(""));
  if (!path.starts_with(first)) set(base_, "PATH", path.empty() ? first : first + ":" + path);
  set_private_tmp(base_);
  set(base_, kRunMark, run_id);
  set(base_, kJournalMark, layout.journal(run_id));
}

ipc::Result<std::vector<std::string>> Environment::for_step(
    const std::string& mark, const std::vector<ResolvedInput>& inputs) const {
  std::vector<std::pair<std::string, std::string>> variables;
  variables.reserve(inputs.size());
  for (const ResolvedInput& input : inputs) {
    variables.emplace_back(
        *input.name, input.value->is_string() ? input.value->as_string() : dump(*input.value));
  }
  return for_capability(mark, variables);
}

ipc::Result<std::vector<std::string>> Environment::for_capability(
    const std::string& mark,
    const std::vector<std::pair<std::string, std::string>>& variables) const {
  std::vector<std::string> environment = base_;
  bool nul = false;
  for (const auto& [name, value] : variables) {
    if (name.find('=') != std::string::npos) {
      return ipc::plain_error("illegal environment variable name");
    }
    nul = nul || holds_nul(name) || holds_nul(value);
    set(environment, name, value);
  }
  if (nul) return ipc::plain_error("embedded null byte");
  set(environment, kStepMark, mark);
  return environment;
}

std::optional<std::string_view> variable(const std::vector<std::string>& environment,
                                         std::string_view name) {
  for (const std::string& entry : environment) {
    if (names(entry, name)) return std::string_view(entry).substr(name.size() + 1);
  }
  return std::nullopt;
}

std::vector<std::string> candidates_of(const std::string& program,
                                       const std::vector<std::string>& environment) {
  if (program.find('/') != std::string::npos) return {program};
  std::vector<std::string> candidates;
  std::string_view path = variable(environment, "PATH").value_or(kDefaultPath);
  for (;;) {
    const std::size_t colon = path.find(':');
    std::string candidate(path.substr(0, colon));
    if (!candidate.empty() && candidate.back() != '/') candidate += '/';
    candidates.push_back(candidate + program);
    if (colon == std::string_view::npos) return candidates;
    path.remove_prefix(colon + 1);
  }
}

std::string step_mark_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/environ";
  const ipc::UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return {};
  auto text = ipc::read_all(file.get(), kMostEnvironment);
  if (!text) return {};
  std::string_view rest(*text);
  while (!rest.empty()) {
    const std::string_view entry = rest.substr(0, rest.find('\0'));
    if (entry.starts_with(kStepMark) && entry.substr(kStepMark.size()).starts_with('=')) {
      return std::string(entry.substr(kStepMark.size() + 1));
    }
    rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
  }
  return {};
}

}  // namespace charter::worker
