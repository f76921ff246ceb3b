// One attempt at a shell step: a process that leads its own session, its output read to the end.
#pragma once

#include <poll.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ipc/error.h"
#include "ipc/unique_fd.h"
#include "worker/attention.h"
#include "worker/json/value.h"
#include "worker/plan/workflow.h"
#include "worker/reaper.h"
#include "worker/run_output.h"
#include "worker/spawn.h"

namespace charter::worker {

class ShellAttempt {
 public:
  // All of them outlive this. `most_bytes`: what the step may print before it fails for it.
  ShellAttempt(const Step& step, Attention& attention, Reaper& reaper, RunOutput& output,
               std::size_t most_bytes)
      : step_(step),
        attention_(attention),
        reaper_(reaper),
        output_(output),
        most_bytes_(most_bytes) {}

  // Everything that can fail without a process. Errors are the step's, here and below.
  ipc::Result<void> prepare(std::vector<std::string> environment);

  // Starts the process. What fails is told as the reference tells it.
  ipc::Result<pid_t> begin();

  // Reads until both pipes are closed and the process has ended, or the deadline (boot clock) has
  // passed, or it has printed too much; then maps what it printed. Leaves behind whatever lives.
  ipc::Result<Object> finish(std::int64_t deadline_ms);

  // What is still open of the pipes: to be emptied while the step's processes are being ended.
  [[nodiscard]] std::span<pollfd> pipes() { return entries_; }
  [[nodiscard]] bool timed_out() const { return timed_out_; }

 private:
  ipc::Result<void> read_output(std::int64_t deadline_ms);
  [[nodiscard]] bool complete() const;
  ipc::Result<void> take(std::size_t which);
  void await_own_end() const;

  const Step& step_;
  Attention& attention_;
  Reaper& reaper_;
  RunOutput& output_;
  std::size_t most_bytes_;
  SpawnRequest request_;
  std::string program_;
  std::array<ipc::UniqueFd, 2> ends_;  // of output and errors, for reading
  std::array<pollfd, 2> entries_{pollfd{-1, POLLIN, 0}, pollfd{-1, POLLIN, 0}};
  std::array<std::string, 2> texts_;
  bool timed_out_ = false;
};

}  // namespace charter::worker
