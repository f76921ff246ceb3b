// A project's charter.yml and what its pyproject.toml requires, checked as the format checks them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "worker/plan/config.h"
#include "worker/plan/files.h"

namespace charter::worker {

inline constexpr std::string_view kProjectFile = "charter.yml";

using TextPairs = std::vector<std::pair<std::string, std::string>>;

// An integration a project offers under a name.
struct Capability {
  std::string kind;  // uses, python, command
  Value value;
  Object with;
  std::optional<Object> env;
  TextPairs config_secrets;  // JSON pointer into `with`, logical secret
  TextPairs env_secrets;     // variable, logical secret
};

struct Project {
  std::string root;                       // resolved
  std::vector<std::string> requirements;  // as pyproject.toml has them
  std::vector<std::pair<std::string, Capability>> capabilities;
  Object secret_bindings;  // logical secret, concrete reference
  Object secret_sources;   // alias, configuration
  Value storage;           // not yet looked at

  [[nodiscard]] const Capability* capability(std::string_view id) const;
};

// Reads `root`/charter.yml; the first fault, or nothing.
[[nodiscard]] Fault load_project(Files& files, const std::string& root, Project& project);

// The nearest directory at or above `from` that is a project; empty when there is none. `from`
// need not exist.
[[nodiscard]] std::string nearest_project(Files& files, const std::string& from);

inline constexpr std::string_view kFileDriver = "file";

// What keeps a project's run state: files, or a driver of the project's packages.
struct StorageDriver {
  std::string name{kFileDriver};
  Object options;                     // what it is bound with, the environment's values put in
  std::vector<std::string> expanded;  // those values, which can be secret

  [[nodiscard]] bool is_file() const { return name == kFileDriver; }
};

// Reads the `storage` block of `root`/charter.yml; the fault, or nothing.
[[nodiscard]] Fault storage_driver(Files& files, const std::string& root, StorageDriver& driver);
// The same for whoever asks again and again and looks at nothing else.
[[nodiscard]] Fault configured_driver(const std::string& root, StorageDriver& driver);

// A text for people, without what the environment told the driver.
inline constexpr std::string_view kExpandedMark = "<redacted: sensitive>";
[[nodiscard]] std::string without_expanded(std::string text, const StorageDriver& driver);

}  // namespace charter::worker
