// Keeps a run's state file close behind the run: a change shows within 20 ms, a burst of changes
// costs one save, and saving never takes more than a tenth of the time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ipc/error.h"
#include "ipc/journal_frame.h"
#include "worker/clock.h"
#include "worker/stores/run_state.h"
#include "worker/stores/spares.h"

namespace charter::worker {

// How much of a state file is read.
inline constexpr std::size_t kMostStateBytes = std::size_t{1} << 30;

class StateFile {
 public:
  // `state` outlives this; `spares` is a directory on the file's file system.
  StateFile(std::string path, std::string spares, const RunState& state)
      : path_(std::move(path)), spares_(std::move(spares), state.run_id()), state_(state) {}

  // The file does not show the state any more.
  void changed();
  // When a save is due (boot clock), kNever when there is nothing to save.
  [[nodiscard]] std::int64_t due() const { return due_; }
  // Saves what is due; a failure is logged and tried again later.
  void save_if_due();

  // Saves now: the file is exact, but a loss of power may take it back.
  ipc::Result<void> save();
  // Saves now and for good. Returns how the file is, for the pause frame.
  ipc::Result<ipc::Pause> save_for_pause();

 private:
  std::string path_;
  Spares spares_;
  const RunState& state_;
  std::int64_t due_ = kNever;
  std::int64_t earliest_ = 0;  // of the next save that is not forced
};

// FNV-1a, 64 bits.
[[nodiscard]] std::uint64_t content_hash(std::string_view bytes);

// How a file is at this moment, as a pause frame records it; `bytes` are what it holds.
[[nodiscard]] ipc::Result<ipc::Pause> identify_file(int fd, std::string_view bytes);

}  // namespace charter::worker
