// Artifacts where a step needs their contents: what its inputs, its texts or its export name is
// loaded for as long as the step reads it. Only outputs declared as artifacts are ever loaded;
// what merely looks like a reference stays what it is.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ipc/error.h"
#include "worker/plan/workflow.h"
#include "worker/stores/artifact_store.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

using Names = std::set<std::string>;

// What the sources of the step's inputs may refer to.
[[nodiscard]] Names names_in_inputs(const Step& step);
// What the placeholders of a pausing step's texts name.
[[nodiscard]] Names names_in_texts(const Step& step);

// A plan's artifacts and where they are stored.
class Artifacts {
 public:
  Artifacts(ArtifactStore store, const Workflow& workflow);

  [[nodiscard]] const ArtifactStore& store() const { return store_; }
  void use(Drivers* drivers) { store_.use(drivers); }
  // The plan declares some.
  [[nodiscard]] bool any() const { return !outputs_.empty(); }
  [[nodiscard]] Names names() const;
  // Makes the state show the contents of those artifacts that have one of the names.
  ipc::Result<void> load(const Names& names, RunState& state) const;

 private:
  ArtifactStore store_;
  std::vector<std::pair<std::string, std::string>> outputs_;  // step id and name
};

// The state shows contents while this lives, and references again after.
class LoadedArtifacts {
 public:
  LoadedArtifacts(const Artifacts& artifacts, RunState& state)
      : artifacts_(artifacts), state_(state) {}
  ~LoadedArtifacts() { state_.show_references(); }
  LoadedArtifacts(const LoadedArtifacts&) = delete;
  LoadedArtifacts& operator=(const LoadedArtifacts&) = delete;

  ipc::Result<void> load(const Names& names) { return artifacts_.load(names, state_); }

 private:
  const Artifacts& artifacts_;
  RunState& state_;
};

}  // namespace charter::worker
