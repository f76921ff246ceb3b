// Outputs kept out of the state file: each value in a file of its own beside it, in the envelope
// the toolchain reads, and a reference in its place.
#pragma once

#include <string>
#include <utility>

#include "ipc/error.h"
#include "worker/json/value.h"
#include "worker/plan/workflow.h"

namespace charter::worker {

class Drivers;

class ArtifactStore {
 public:
  // `directory` is made when the first artifact is stored.
  ArtifactStore(std::string directory, std::string run_id)
      : directory_(std::move(directory)), run_id_(std::move(run_id)) {}

  // Durable when this returns the reference. The error is the step's when the value cannot be
  // stored as JSON.
  [[nodiscard]] ipc::Result<Value> store(const Step& step, const StepOutput& output,
                                         const Value& value) const;

  // What the reference stands for; anything that is no reference stands for itself.
  [[nodiscard]] ipc::Result<Value> load(const Value& reference) const;

  // From now on a storage driver's store has them, which outlives this.
  void use(Drivers* drivers) { drivers_ = drivers; }

 private:
  ipc::Result<void> write(const std::string& id, const std::string& envelope) const;

  std::string directory_;
  std::string run_id_;
  Drivers* drivers_ = nullptr;
};

// Gives a run those of another, under their own names; one that it has stays. Durable when it
// returns.
[[nodiscard]] ipc::Result<void> inherit_artifacts(const std::string& from, const std::string& to);

}  // namespace charter::worker
