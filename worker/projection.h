// What mode `project` appends to a journal; see project.h for when it appends what.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "ipc/error.h"
#include "ipc/job.h"
#include "ipc/layout.h"
#include "worker/integrations/driver_inquiry.h"
#include "worker/recorder.h"
#include "worker/replay.h"
#include "worker/stores/run_state.h"
#include "worker/verdict.h"

namespace charter::worker {

class Projection {
 public:
  // `job` and `replay` outlive this.
  Projection(const ipc::Job& job, const Replay& replay, Recorder recorder);

  // Durable when it returns.
  ipc::Result<void> run();

 private:
  ipc::Result<void> settle_paused();
  ipc::Result<void> settle_taken_on();
  ipc::Result<void> cancel_paused(RunState state);
  ipc::Result<void> give_up_paused();
  ipc::Result<void> settle_executing();
  ipc::Result<void> finish_telling();
  ipc::Result<void> make_file_good();
  ipc::Result<void> fail(const std::string& reason);
  ipc::Result<void> cancel(const Value& step_id, const std::optional<std::string>& note);
  // Saves the state as it ends, then appends what was added and the terminal frame.
  ipc::Result<void> end(std::optional<RunState> state, const std::string& status,
                        const std::string& reason);
  void find_driver();
  void tell_driver(const RunState& state);
  [[nodiscard]] ipc::Result<std::string> paused_state();
  [[nodiscard]] std::optional<RunState> state() const;
  ipc::Result<void> save(const RunState& state);
  ipc::Result<void> tell();

  const ipc::Job& job_;
  const Replay& replay_;
  ipc::Layout layout_;
  Recorder recorder_;
  Verdict verdict_;
  std::int64_t now_;
  std::unique_ptr<DriverInquiry> driver_;
  std::unique_ptr<EventSink> events_;
  bool driver_told_ = false;
};

}  // namespace charter::worker
