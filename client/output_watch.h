// Whether more may come of what a run prints: its journal read for the run's end, and waiting for
// changes of a run's files.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "client/outcome.h"
#include "ipc/layout.h"
#include "ipc/log_segment.h"
#include "ipc/unique_fd.h"

namespace charter::client {

class RunEndWatch {
 public:
  // `layout` outlives this.
  RunEndWatch(const ipc::Layout& layout, std::string run) : layout_(layout), run_(std::move(run)) {}

  // Whether the run has ended and nothing of it prints any more. A run without a journal has ended
  // when its state file says so.
  [[nodiscard]] Expected<bool> over();
  // Its end is written, and its last processes are being ended: that shows in no file.
  [[nodiscard]] bool ending() const { return ended_; }

 private:
  [[nodiscard]] Expected<bool> open();

  const ipc::Layout& layout_;
  std::string run_;
  ipc::UniqueFd journal_;
  std::optional<ipc::LogReader> reader_;
  bool ended_ = false;
};

// Waits until something has changed in the files of some runs.
class OutputWatch {
 public:
  // `layout` outlives this. Where the kernel cannot watch files, a wait ends by its time alone.
  OutputWatch(const ipc::Layout& layout, std::vector<std::string> runs);

  // What has changed since the last call ends a wait at once. `longest_ms` is cut to a second, for
  // file systems that tell of no changes.
  void wait(int longest_ms);

 private:
  void watch_files();

  const ipc::Layout& layout_;
  std::vector<std::string> runs_;
  ipc::UniqueFd changes_;
  int directory_ = -1;
};

}  // namespace charter::client
