// Notices that another hand (the toolchain's CLI) went on with a paused run, by its state file:
// that is the truth while a run is paused, and the CLI replaces it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "ipc/layout.h"
#include "supervisor/run.h"

namespace charter::supervisor {

class PausedWatch {
 public:
  explicit PausedWatch(const ipc::Layout& layout) : layout_(layout) {}

  // The run pauses, with its file as the journal's latest pause frame says.
  void expect(const RunPtr& run, const ipc::Pause& pause);
  // The runs that are paused with another file than before; each change is told once. One stat
  // for each paused run.
  [[nodiscard]] std::vector<RunPtr> changed();

 private:
  struct Identity {
    std::uint64_t inode = 0;
    std::int64_t mtime_ns = 0;
    std::uint64_t size = 0;
    bool operator==(const Identity&) const = default;
  };
  struct Seen {
    std::weak_ptr<Run> run;
    Identity paused_with;
    Identity last;
  };
  // Nothing when there is no file: then nothing can be told of the run, either.
  [[nodiscard]] std::optional<Identity> look(const Run& run) const;

  const ipc::Layout& layout_;
  std::unordered_map<std::string, Seen> seen_;
};

}  // namespace charter::supervisor
