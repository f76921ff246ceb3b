// A workflow's manifest.yml.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "worker/plan/config.h"
#include "worker/plan/failure.h"
#include "worker/plan/files.h"

namespace charter::worker {

inline constexpr std::string_view kManifestFile = "manifest.yml";

// An input a workflow declares for its launch.
struct DeclaredInput {
  std::string name;
  std::string type;  // string, number, boolean, array, object
  std::string description;
  bool required = false;
  bool has_default = false;
  Value fallback;
};

struct Manifest {
  std::string id;
  std::string name;
  std::string description;
  std::vector<DeclaredInput> inputs;
  std::string plan_path;  // resolved
};

// Whether a value is of a declared type.
[[nodiscard]] bool matches(const Value& value, std::string_view type);

// The manifest beside the plan at `plan_path`.
[[nodiscard]] Fault load_manifest(Files& files, const std::string& plan_path, Manifest& manifest);

struct ManifestId {
  std::string id;
};
// Its id alone, without any other check; empty when there is no such file or id in it.
[[nodiscard]] Outcome<ManifestId> manifest_id(Files& files, const std::string& plan_path);

// The id as a hand-off compares it: not trimmed. Failures have the reference's texts.
[[nodiscard]] Outcome<ManifestId> handed_off_id(Files& files, const std::string& plan_path);

}  // namespace charter::worker
