// Notices that another hand (the toolchain's CLI) went on with a paused run, by its state file:
// that is the truth while a run is paused, and the CLI replaces it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ipc/layout.h"
#include "supervisor/paused_state.h"
#include "supervisor/run.h"

namespace charter::supervisor {

class PausedWatch {
 public:
  explicit PausedWatch(const ipc::Layout& layout) : layout_(layout) {}

  // The run pauses, with its file as the journal's latest pause frame says.
  void expect(const RunPtr& run, const ipc::Pause& pause);
  // A run waits that was taken on, with its file as it was read; null: that did not say that it
  // waits, which counts as a change. Of a run that was expected before, what was seen last stays.
  void expect(const RunPtr& run, const PausedState* state);
  // The runs that are paused with another file than before; each change is told once. One stat
  // for each paused run.
  [[nodiscard]] std::vector<RunPtr> changed();

 private:
  struct Seen {
    std::weak_ptr<Run> run;
    FileIdentity paused_with;
    FileIdentity last;
  };

  const ipc::Layout& layout_;
  std::unordered_map<std::string, Seen> seen_;
};

}  // namespace charter::supervisor
