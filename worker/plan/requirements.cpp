#include "worker/plan/requirements.h"

#include "worker/json/python.h"
#include "worker/json/unicode.h"
#include "worker/plan/paths.h"
#include "worker/plan/toml.h"

namespace charter::worker {
namespace {

// The package's name at the front of a requirement.
std::string package_name(std::string_view requirement) {
  std::string name;
  for (std::size_t at = 0; at < requirement.size();) {
    const std::size_t begin = at;
    const char32_t point = next_code_point(requirement, at);
    if (!is_alnum(point) && point != '-' && point != '_' && point != '.') break;
    name.append(requirement, begin, at - begin);
  }
  return name;
}

// The record of an installed package as it was required, by name.
const Value* record_of(const Value& state, const std::string& name) {
  const Value& records = get(state.as_object(), "requirements");
  if (!records.is_array()) return nullptr;
  const Value* found = nullptr;
  for (const Value& record : records.as_array()) {
    if (record.is_object() && get(record.as_object(), "name") == Value(name)) found = &record;
  }
  return found;
}

}  // namespace

Fault load_requirements(Files& files, const std::string& root,
                        std::vector<std::string>& requirements) {
  const std::string path = join(root, "pyproject.toml");
  if (!files.is_file(path)) return std::nullopt;
  const auto text = files.read(path);
  if (!text) return bare(text.error().text);
  const auto data = read_toml(*text);
  if (!data) return bare(path + ": " + data.error().text);
  const Value& project = or_empty(get(data->as_object(), "project"));
  if (!project.is_object()) {
    return bare(type_fault(project, "has no attribute 'get'"));
  }
  const Value& list = get(project.as_object(), "dependencies");
  if (!truthy(list)) return std::nullopt;
  if (!list.is_array()) return invalid(path + ": [project].dependencies must be a list");
  for (const Value& item : list.as_array()) {
    if (!item.is_string()) return invalid(path + ": dependency entries must be strings");
    if (package_name(item.as_string()).empty()) {
      return invalid("Could not infer package name from requirement '" + item.as_string() + "'");
    }
    requirements.push_back(item.as_string());
  }
  return std::nullopt;
}

Fault check_installed(Files& files, const std::string& root, const std::string& plan_path,
                      const std::vector<std::string>& requirements) {
  const std::string record = join(root, ".charter/install-state.json");
  if (!files.is_file(record)) {
    return invalid("Project runtime has not been installed. Run 'charter install' first.");
  }
  const auto text = files.read(record);
  if (!text) return bare(text.error().text);
  const auto state = parse_json(*text);
  if (!state) return bare(record + ": " + state.error().what);
  if (!state->is_object()) return bare(record + ": not an object");
  const std::string python = join(root, ".charter/.venv/bin/python");
  if (!files.is_file(python)) {
    return invalid("Project runtime is missing at " + python + ". Run 'charter install' first.");
  }
  for (const std::string& requirement : requirements) {
    const Value* found = record_of(*state, package_name(requirement));
    const bool same = found != nullptr && get(found->as_object(), "raw") == Value(requirement) &&
                      get(found->as_object(), "version").is_null();
    if (same) continue;
    return invalid("Project dependency '" + requirement + "' is not installed for workflow '" +
                   base_name(parent(plan_path)) + "'. Run 'charter install' first.");
  }
  return std::nullopt;
}

}  // namespace charter::worker
