// One burst of a run's execution: steps in order, from where it begins to the next pause or the
// end. What becomes durable or known, and in which order:
//
//   before a step acts              StepStart and intent are in the journal, synced with all that
//                                   came before; the process frame follows the process
//   a finished step                 StepComplete and checkpoint, in one append with what comes next
//   state steps in a row            the key-value file is published, then one append tells all
//   a pause                         the state file is synced, then the pending event and the pause
//                                   frame are appended
//   an end                          the state file is saved, then the last events and the terminal
//                                   frame are appended
//
// Where the project has a storage driver, its stores are told before the journal is (see
// burst_drivers.cpp): the state whenever the toolchain would save it, each event before it is
// appended. The state file then is the daemon's own copy, and what the driver holds is the state
// after a pause. A driver that refuses what it is told has failed the run.
//
// Nothing is begun or appended once the engine has been asked to stop; see attention.h.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ipc/layout.h"
#include "worker/attention.h"
#include "worker/integrations/capabilities.h"
#include "worker/limits.h"
#include "worker/plan/project.h"
#include "worker/plan/workflow.h"
#include "worker/process_tree.h"
#include "worker/reaper.h"
#include "worker/recorder.h"
#include "worker/run_groups.h"
#include "worker/run_output.h"
#include "worker/steps/artifacts.h"
#include "worker/steps/environment.h"
#include "worker/steps/shell.h"
#include "worker/stores/drivers.h"
#include "worker/stores/kv_store.h"
#include "worker/stores/run_state.h"
#include "worker/stores/state_file.h"

namespace charter::worker {

class Burst : private Chores {
 public:
  // `layout`, `attention` and `reaper` outlive this. `worker_id`: as an event store knows the
  // daemon.
  Burst(const ipc::Layout& layout, Attention& attention, Reaper& reaper, Recorder recorder,
        RunState state, Workflow workflow, const Limits& limits, RunGroups& groups,
        PythonStart python, std::string worker_id);
  ~Burst() override;
  Burst(const Burst&) = delete;
  Burst& operator=(const Burst&) = delete;

  // Exactly one of these, then clear_up().
  //
  // The run begins.
  void start();
  // The run lost its worker: it goes on behind the last step that its state has finished.
  void go_on();
  // The gate the run is paused at is decided; `recorded`: the journal says so already, else the
  // decision has no time yet. At anything but a gate the run stays paused.
  void decide(GateRecord decision, bool recorded);
  // The form of the input step the run is paused at is answered (JSON, as run.input has it).
  // Anything that is no answer to it leaves the run paused.
  void answer(const std::string& submission);
  // The command does not apply: the run stays paused as it was.
  void stay_paused();
  // The run fails before any step.
  void fail(const std::string& error);

  // Tears the capabilities down and ends what the run has left behind, as the last thing a burst
  // does.
  void clear_up();

 private:
  [[nodiscard]] std::int64_t due() const override;
  void work() override;
  [[nodiscard]] int hang_up() const override;

  bool set_up();
  void note_approvals();
  [[nodiscard]] bool is_done(const Step& step) const;
  void process_begun(const std::string& uses, pid_t pid);
  bool find_drivers();
  ipc::Result<Object> ask_driver(PythonHost& host, std::string_view method,
                                 const std::string& params, std::int64_t deadline_ms);
  [[nodiscard]] ipc::Result<void> need_stores() const;
  [[nodiscard]] ipc::Result<void> can_execute() const;
  bool take_set_up();
  ipc::Result<void> save_to_driver();
  bool keep_state();
  bool accepted();
  bool waits_in_driver();
  bool take_from_driver();
  [[nodiscard]] bool half_begun(const RunState& other) const;
  bool begins(const Step& step);
  void record_failure(const MaskedText& text);
  ipc::Result<Object> attempt_state(const Step& step);
  ipc::Result<void> load_for(const Step& step, LoadedArtifacts& loaded, std::int64_t deadline_ms);
  void execute(std::size_t first);
  std::size_t run_states(std::size_t first);
  bool run_step(const Step& step);
  ipc::Result<Object> attempt_all(const Step& step);
  ipc::Result<Object> attempt(const Step& step, long long number);
  ipc::Result<Object> attempt_shell(const Step& step, long long number);
  ipc::Result<Object> attempt_export(const Step& step);
  ipc::Result<Object> attempt_integration(const Step& step, long long number);
  [[nodiscard]] ProcessTree::Spare others_than(const std::string& mark) const;
  [[nodiscard]] std::vector<std::string> secrets() const;
  void keep_loaded_secrets();
  [[nodiscard]] MaskedText masked(const std::string& text) const;
  ipc::Result<void> begin_attempt(const Step& step, const std::string& mark, long long number,
                                  ShellAttempt& shell, std::int64_t deadline_ms);
  bool retry_later(const Step& step, long long failed, const std::string& error);
  void pause_at(const Step& step);
  [[nodiscard]] const Step* paused_step(StepType type) const;
  [[nodiscard]] std::size_t place_of(const Step& step) const {
    return static_cast<std::size_t>(&step - workflow_.steps.data());
  }
  void refuse(const GateRecord& decision);

  void make_begun_durable();

  void begin_step(const Step& step, std::int64_t at_us);
  ipc::Result<void> finish_step(const Step& step, const Object& outputs, std::int64_t duration_ms,
                                std::int64_t at_us);
  void fail_step(const Step& step, const std::string& error, std::int64_t duration_ms);
  void complete();
  void end(const char* status);
  void tell();
  void tell_durably();
  void must(const ipc::Result<void>& done);

  const ipc::Layout& layout_;
  Attention& attention_;
  Reaper& reaper_;
  Recorder recorder_;
  RunState state_;
  Workflow workflow_;
  Limits limits_;
  RunGroups& groups_;
  RunOutput output_;
  StateFile file_;
  Artifacts artifacts_;
  Environment environment_;
  Capabilities capabilities_;
  std::optional<KvStore> store_;
  std::vector<Value> approved_;  // gates that the state the burst began with had behind it
  std::string worker_id_;
  StorageDriver driver_;
  std::optional<Drivers> drivers_;
  bool drivers_known_ = false;
  bool driver_late_ = false;              // the latest call ran out of the step's time
  std::set<std::string> loaded_secrets_;  // in artifacts that steps have read
  bool over_ = false;                     // the terminal frame is written
  std::int64_t call_again_ = 0;           // boot clock
};

}  // namespace charter::worker
