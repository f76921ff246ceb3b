#include "worker/plan/manifest.h"

#include <algorithm>
#include <array>
#include <set>

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/json/unicode.h"
#include "worker/plan/paths.h"

namespace charter::worker {
namespace {

constexpr std::array<std::string_view, 5> kTypes = {"string", "number", "boolean", "array",
                                                    "object"};

std::string manifest_path(const std::string& plan_path) {
  return join(parent(plan_path), kManifestFile);
}

bool is_alphanumeric(char letter) {
  return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
         (letter >= '0' && letter <= '9');
}

bool is_workflow_id(std::string_view id) {
  if (id.empty() || !is_alphanumeric(id[0])) return false;
  return std::all_of(id.begin(), id.end(), [](char letter) {
    return is_alphanumeric(letter) || letter == '_' || letter == '.' || letter == '-';
  });
}

class ManifestParser {
 public:
  ManifestParser(std::string source, Manifest& manifest)
      : source_(std::move(source)), manifest_(manifest) {}

  Fault parse(const Value& data) {
    if (!data.is_object()) return fault("expected a mapping at the top level");
    const Object& raw = data.as_object();
    if (Fault unknown =
            find_unknown(raw, {"id", "name", "description", "inputs", "version"}, source_)) {
      return unknown;
    }
    if (Fault wrong = parse_id(get(raw, "id"))) return wrong;
    for (const std::string_view field : {"name", "version", "description"}) {
      if (is_visible_text(get(raw, field))) continue;
      return fault("workflow manifests must define a non-empty '" + std::string(field) + "'");
    }
    manifest_.name = strip(get(raw, "name").as_string());
    manifest_.description = strip(get(raw, "description").as_string());
    return parse_inputs(get(raw, "inputs"));
  }

 private:
  [[nodiscard]] ConfigFault fault(const std::string& text) const {
    return invalid(source_ + ": " + text);
  }

  Fault parse_id(const Value& id) {
    if (!is_visible_text(id)) return fault("workflow manifests must define a non-empty 'id'");
    manifest_.id = strip(id.as_string());
    if (is_workflow_id(manifest_.id)) return std::nullopt;
    return fault(
        "workflow manifest 'id' must start with a letter or number and contain only letters, "
        "numbers, '.', '_', or '-'");
  }

  Fault parse_inputs(const Value& raw) {
    if (raw.is_null()) return std::nullopt;
    if (!raw.is_object()) return fault("inputs must be a mapping");
    std::set<std::string, std::less<>> names;
    for (const auto& [key, spec] : raw.as_object()) {
      if (!is_text_key(key)) return fault("input names must be strings");
      const std::string name(strip(key));
      if (name.empty()) return fault("input names must not be empty");
      if (!names.insert(name).second) return fault("duplicate input '" + name + "'");
      if (!spec.is_object()) return fault("input '" + name + "' must be a mapping");
      if (Fault wrong = parse_input(name, spec.as_object())) return wrong;
    }
    return std::nullopt;
  }

  Fault parse_input(const std::string& name, const Object& raw) {
    const std::string input = "input '" + name + "' ";
    if (Fault unknown = find_unknown(raw, {"type", "description", "required", "default"},
                                     source_ + ": input '" + name + "'")) {
      return unknown;
    }
    const Value& type = get(raw, "type");
    if (!type.is_string() ||
        std::find(kTypes.begin(), kTypes.end(), type.as_string()) == kTypes.end()) {
      return fault(input + "type must be one of string, number, boolean, array, object");
    }
    const Value& description = get(raw, "description");
    if (!is_visible_text(description)) {
      return fault(input + "must define a non-empty 'description'");
    }
    DeclaredInput declared{
        name, type.as_string(), std::string(strip(description.as_string())), false, false, Value()};
    if (const Value* required = raw.find("required")) {
      if (!required->is_bool()) return fault(input + "field 'required' must be a boolean");
      declared.required = required->as_bool();
    }
    if (Fault wrong = parse_default(input, raw.find("default"), declared)) return wrong;
    manifest_.inputs.push_back(std::move(declared));
    return std::nullopt;
  }

  Fault parse_default(const std::string& input, const Value* fallback, DeclaredInput& declared) {
    if (fallback == nullptr) return std::nullopt;
    if (declared.required) return fault(input + "cannot set both 'required: true' and 'default'");
    if (!matches(*fallback, declared.type)) {
      return fault(input + "default must match declared type '" + declared.type + "'");
    }
    if (json_fault(*fallback, true)) return fault(input + "default must be JSON-serializable");
    declared.has_default = true;
    declared.fallback = *fallback;
    return std::nullopt;
  }

  std::string source_;
  Manifest& manifest_;
};

}  // namespace

bool matches(const Value& value, std::string_view type) {
  if (type == "string") return value.is_string();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_bool();
  return type == "array" ? value.is_array() : value.is_object();
}

Fault load_manifest(Files& files, const std::string& plan_path, Manifest& manifest) {
  const std::string path = manifest_path(plan_path);
  if (!files.is_file(path)) {
    return invalid("Workflow '" + parent(plan_path) + "': missing " + std::string(kManifestFile));
  }
  const auto data = files.read_yaml_file(path);
  if (!data) return bare(data.error().text);
  manifest.plan_path = plan_path;
  return ManifestParser(path, manifest).parse(or_empty(*data));
}

Outcome<ManifestId> manifest_id(Files& files, const std::string& plan_path) {
  const auto data = files.read_yaml_file(manifest_path(plan_path));
  if (!data && data.error().kind == FileFault::Kind::value) return internal(data.error().text);
  if (!data || !data->is_object()) return ManifestId{};
  const Value& id = get(data->as_object(), "id");
  return ManifestId{id.is_string() ? std::string(strip(id.as_string())) : std::string()};
}

Outcome<ManifestId> handed_off_id(Files& files, const std::string& plan_path) {
  const std::string path = manifest_path(plan_path);
  const auto data = files.read_yaml_file(path);
  if (!data) return internal(data.error().text);
  const Value& top = or_empty(*data);
  if (!top.is_object()) {
    return internal(type_fault(top, "has no attribute 'get'"));
  }
  const Value& id = get(top.as_object(), "id");
  if (!is_visible_text(id)) return internal(path + ": expected non-empty 'id'");
  return ManifestId{id.as_string()};
}

}  // namespace charter::worker
