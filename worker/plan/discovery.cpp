#include "worker/plan/discovery.h"

#include <algorithm>

#include "worker/plan/paths.h"

namespace charter::worker {
namespace {

constexpr std::string_view kPlanFile = "plan.yml";

class Finder {
 public:
  Finder(Files& files, const std::string& root, const std::string& id)
      : files_(files), root_(root), id_(id), workflows_(join(root, "workflows")) {}

  Fault run(Manifest& found) {
    if (Fault fault = probe_named(found)) return fault;
    if (Fault fault = look_through()) return fault;
    if (matches_.size() > 1) {
      return invalid("Duplicate workflow id '" + id_ + "' found in " + parent(matches_[0]) +
                     " and " + parent(matches_[1]));
    }
    if (named_) return std::nullopt;
    if (!matches_.empty()) {
      found = Manifest();
      return load_manifest(files_, matches_[0], found);
    }
    return invalid("Could not find workflow '" + id_ + "' in project " + root_);
  }

 private:
  // workflows/<id>/plan.yml, links resolved.
  Fault probe_named(Manifest& found) {
    const std::string named = join(join(workflows_, id_), kPlanFile);
    const auto plan = resolve(named, root_);
    files_.watch(named);
    if (!plan) return bare(plan.error().text);
    candidate_ = plan->path;
    if (!is_inside(candidate_, workflows_)) {
      return invalid("Invalid workflow id '" + id_ + "': resolved path is outside " + workflows_);
    }
    const bool has_plan = files_.is_file(candidate_);
    const bool has_manifest = files_.is_file(join(parent(candidate_), kManifestFile));
    if (!has_plan && (!has_manifest || base_name(candidate_) != kPlanFile)) return std::nullopt;
    if (Fault fault = load_manifest(files_, candidate_, found)) return fault;
    if (found.id != id_) return std::nullopt;
    if (!has_plan) {
      return invalid("Workflow '" + id_ + "' is missing " + base_name(candidate_) + " at " +
                     candidate_);
    }
    named_ = true;
    matches_.push_back(candidate_);
    return std::nullopt;
  }

  Fault look_through() {
    for (const std::string& name : files_.list(workflows_)) {
      const std::string folder = join(workflows_, name);
      if (!Files::is_directory(folder)) continue;
      if (Fault fault = look_into(folder)) return fault;
    }
    return std::nullopt;
  }

  Fault look_into(const std::string& folder) {
    const std::string plan = join(folder, kPlanFile);
    if (!files_.is_file(plan)) return std::nullopt;
    const auto resolved = resolve(plan, root_);
    if (!resolved) return bare(resolved.error().text);
    if (!is_inside(resolved->path, workflows_)) return std::nullopt;
    const auto id = manifest_id(files_, resolved->path);
    if (!id) return bare(id.error().text);
    // The named folder has been looked at, and one plan reached twice is a match each time but
    // for it. A manifest without an id is no match for an empty one.
    if (!id->id.empty() && id->id == id_ && resolved->path != candidate_)
      matches_.push_back(resolved->path);
    return std::nullopt;
  }

  Files& files_;
  const std::string& root_;
  const std::string& id_;
  std::string workflows_;
  std::string candidate_;
  bool named_ = false;
  std::vector<std::string> matches_;
};

}  // namespace

Fault find_workflow(Files& files, const std::string& root, const std::string& id, Manifest& found) {
  return Finder(files, root, id).run(found);
}

}  // namespace charter::worker
