// Which driver keeps a project's run state, and what the project tells it.
#include <algorithm>
#include <cstdlib>

#include "worker/json/keys.h"
#include "worker/json/python.h"
#include "worker/json/spellings.h"
#include "worker/json/unicode.h"
#include "worker/plan/paths.h"
#include "worker/plan/project.h"

namespace charter::worker {
namespace {

bool is_name_letter(char letter) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= '0' && letter <= '9') || letter == '_';
}

// Replaces ${NAME} by the environment's value.
Fault expand(std::string_view text, std::string& out, StorageDriver& driver) {
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
    driver.expanded.emplace_back(value);
    at = end + 1;
  }
  return std::nullopt;
}

Fault resolve_values(Value& value, const std::string& source, StorageDriver& driver) {
  if (value.is_string()) {
    std::string expanded;
    if (Fault fault = expand(value.as_string(), expanded, driver)) return fault;
    value = Value(std::move(expanded));
  } else if (value.is_array()) {
    for (Value& item : value.as_array()) {
      if (Fault fault = resolve_values(item, source, driver)) return fault;
    }
  } else if (value.is_object()) {
    Object resolved;
    for (const auto& [key, nested] : value.as_object()) {
      if (!is_text_key(key)) return bare(source + ": storage keys must be strings");
      Value own = nested;
      if (Fault fault = resolve_values(own, source, driver)) return fault;
      resolved.set(key, std::move(own));
    }
    value = Value(std::move(resolved));
  }
  return std::nullopt;
}

Fault read_storage(const Value& data, const std::string& source, StorageDriver& driver) {
  const Value& top = or_empty(data);
  if (!top.is_object()) return bare(source + ": top-level config must be a mapping");
  Value storage = get(top.as_object(), "storage");
  if (storage.is_null()) return std::nullopt;
  if (!storage.is_object()) return bare(source + ": storage must be a mapping");
  if (Fault fault = resolve_values(storage, source, driver)) return fault;
  driver.options = std::move(storage.as_object());
  const Value& name = get(driver.options, "driver");
  driver.name = name.is_string() ? strip(name.as_string()) : "";
  if (driver.name.empty()) return bare(source + ": storage.driver must be a string");
  driver.options.erase("driver");
  // Its own name is none of what could be secret.
  std::erase_if(driver.expanded, [&driver](const std::string& value) {
    return driver.name.find(value) != std::string::npos;
  });
  if (driver.name == kFileDriver) return std::nullopt;
  // What YAML can say and the interpreter cannot be told.
  const auto foreign = json_fault(Value(driver.options));
  return foreign ? bare(source + ": storage: " + *foreign) : Fault();
}

}  // namespace

Fault storage_driver(Files& files, const std::string& root, StorageDriver& driver) {
  const std::string source = join(root, kProjectFile);
  const auto data = files.read_yaml_file(source);
  if (!data) return bare(data.error().text);
  return read_storage(*data, source, driver);
}

// Reading YAML costs more than a short run may take, and hardly any project has a driver.
Fault configured_driver(const std::string& root, StorageDriver& driver) {
  Files files;
  const auto text = files.read(join(root, kProjectFile));
  if (!text) return bare(text.error().text);
  const bool maybe =
      text->find("storage") != std::string::npos || text->find('\\') != std::string::npos;
  return maybe ? storage_driver(files, root, driver) : Fault();
}

std::string without_expanded(std::string text, const StorageDriver& driver) {
  constexpr std::size_t kLeastLength = 4;
  std::vector<std::string> secrets;
  for (const std::string& value : driver.expanded) {
    const auto ways = spellings(value);
    secrets.insert(secrets.end(), ways.begin(), ways.end());
  }
  // Longest first, so that one inside another does not spoil it.
  std::sort(secrets.begin(), secrets.end(),
            [](const auto& one, const auto& other) { return one.size() > other.size(); });
  for (const std::string& value : secrets) {
    if (value.size() < kLeastLength) continue;
    for (std::size_t at = text.find(value); at != std::string::npos;
         at = text.find(value, at + kExpandedMark.size())) {
      text.replace(at, value.size(), kExpandedMark);
    }
  }
  return text;
}

}  // namespace charter::worker
