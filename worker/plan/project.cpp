#include "worker/plan/project.h"

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/plan/capability_config.h"
#include "worker/plan/paths.h"
#include "worker/plan/requirements.h"
#include "worker/plan/secret_config.h"

namespace charter::worker {
namespace {

// Workflows to be pulled from elsewhere: checked, and of no use to a launch.
Fault check_pull(const Value& raw, const std::string& source) {
  if (raw.is_null()) return std::nullopt;
  if (!raw.is_object()) return invalid(source + ": pull must be a mapping");
  for (const auto& [key, spec] : raw.as_object()) {
    const std::string pull = source + ": pull source '" + key_text(key) + "'";
    if (!spec.is_object()) return invalid(pull + " must be a mapping");
    const Object& fields = spec.as_object();
    if (Fault unknown = find_unknown(fields, {"git", "path", "ref"}, pull)) return unknown;
    if (!is_visible_text(get(fields, "git"))) {
      return invalid(pull + " must define a non-empty 'git'");
    }
    const Value* path = fields.find("path");
    const bool named = path == nullptr ? is_visible_text(decode_key(key)) : is_visible_text(*path);
    if (!named) return invalid(pull + " path must be a non-empty string");
    const Value& ref = get(fields, "ref");
    if (!ref.is_null() && !ref.is_string()) return invalid(pull + " ref must be a string");
  }
  return std::nullopt;
}

bool is_project(Files& files, const std::string& directory) {
  const std::string config = join(directory, kProjectFile);
  if (!files.is_file(config)) return false;
  if (Files::is_directory(join(directory, ".charter")) ||
      Files::is_directory(join(directory, "workflows"))) {
    return true;
  }
  const auto data = files.read_yaml_file(config);
  if (!data || !data->is_object()) return false;
  return is_visible_text(get(data->as_object(), "name"));
}

}  // namespace

const Capability* Project::capability(std::string_view id) const {
  for (const auto& [name, capability] : capabilities) {
    if (name == id) return &capability;
  }
  return nullptr;
}

Fault load_project(Files& files, const std::string& root, Project& project) {
  project.root = root;
  const std::string source = join(root, kProjectFile);
  const auto data = files.read_yaml_file(source);
  if (!data) return bare(data.error().text);
  const Value& top = or_empty(*data);
  if (!top.is_object()) return invalid(source + ": expected a mapping at the top level");
  const Object& raw = top.as_object();
  if (Fault unknown =
          find_unknown(raw, {"name", "capabilities", "pull", "storage", "secrets"}, source)) {
    return unknown;
  }
  if (Fault fault = load_requirements(files, root, project.requirements)) return fault;
  if (Fault fault = parse_capabilities(or_empty(get(raw, "capabilities")), source, project)) {
    return fault;
  }
  if (Fault fault = check_pull(get(raw, "pull"), source)) return fault;
  if (Fault fault = parse_secrets(get(raw, "secrets"), source, project)) return fault;
  project.storage = get(raw, "storage");
  return std::nullopt;
}

std::string nearest_project(Files& files, const std::string& from) {
  for (std::string directory = from;; directory = parent(directory)) {
    if (is_project(files, directory)) return directory;
    if (directory == "/") return {};
  }
}

}  // namespace charter::worker
