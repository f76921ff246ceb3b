// Where a project keeps its run state. Only the driver's name matters here.
#include <cstdlib>

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/json/unicode.h"
#include "worker/plan/paths.h"
#include "worker/plan/project.h"

namespace charter::worker {
namespace {

bool is_name_letter(char letter) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') || letter == '_';
}

// Replaces ${NAME} by the environment's value.
Fault expand(std::string_view text, std::string& out) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at + 2;
    while (text.substr(at, 2) == "${" && end < text.size() && is_name_letter(text[end])) ++end;
    const bool named = end > at + 2 && end < text.size() && text[end] == '}';
    if (!named) {
      out += text[at++];
      continue;
    }
    const std::string name(text.substr(at + 2, end - at - 2));
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return bare("Environment variable " + name + " is not set");
    out += value;
    at = end + 1;
  }
  return std::nullopt;
}

Fault check_values(const Value& value, const std::string& source, std::string* text) {
  if (value.is_string()) {
    std::string expanded;
    Fault fault = expand(value.as_string(), expanded);
    if (text != nullptr) *text = std::move(expanded);
    return fault;
  }
  if (value.is_array()) {
    for (const Value& item : value.as_array()) {
      if (Fault fault = check_values(item, source, nullptr)) return fault;
    }
  }
  if (!value.is_object()) return std::nullopt;
  for (const auto& [key, nested] : value.as_object()) {
    if (!is_text_key(key)) return bare(source + ": storage keys must be strings");
    // Only the block's own `driver` is wanted.
    std::string* wanted = text != nullptr && key == "driver" && nested.is_string() ? text : nullptr;
    if (Fault fault = check_values(nested, source, wanted)) return fault;
  }
  return std::nullopt;
}

}  // namespace

Fault storage_driver(Files& files, const std::string& root, StorageDriver& driver) {
  const std::string source = join(root, kProjectFile);
  const auto data = files.read_yaml_file(source);
  if (!data) return bare(data.error().text);
  const Value& top = or_empty(*data);
  if (!top.is_object()) return bare(source + ": top-level config must be a mapping");
  const Value& storage = get(top.as_object(), "storage");
  if (storage.is_null()) return std::nullopt;
  if (!storage.is_object()) return bare(source + ": storage must be a mapping");
  std::string name;
  if (Fault fault = check_values(storage, source, &name)) return fault;
  driver.name = strip(name);
  if (driver.name.empty()) return bare(source + ": storage.driver must be a string");
  return std::nullopt;
}

}  // namespace charter::worker
