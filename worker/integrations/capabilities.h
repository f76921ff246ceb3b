// The capabilities a run was handed over with, as far as they are processes: all of them live for
// one burst, whether a step uses them or not.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ipc/error.h"
#include "worker/attention.h"
#include "worker/integrations/integration.h"
#include "worker/limits.h"
#include "worker/plan/workflow.h"
#include "worker/steps/environment.h"
#include "worker/steps/inputs.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

class Capabilities {
 public:
  // `mask` is for what errors quote.
  Capabilities(Attention& attention, const Limits& limits, Mask mask)
      : attention_(attention), limits_(limits), mask_(std::move(mask)) {}

  // Starts what the state's metadata names and sees that every step has its capability. Errors are
  // the run's.
  ipc::Result<void> set_up(const RunState& state, const Workflow& workflow,
                           const Environment& environment, const Integration::Started& started);
  // The one a step uses; set_up() has succeeded.
  [[nodiscard]] Integration* find(const std::string& uses);
  // In the order they were set up.
  void tear_down();

  // What must not be shown to anybody.
  [[nodiscard]] const std::vector<std::string>& secrets() const { return secrets_; }
  [[nodiscard]] bool own(pid_t pid) const;

 private:
  ipc::Result<void> define(const std::string& uses, const Value& capability,
                           const std::string& run_id, const Environment& environment,
                           const Integration::Started& started);
  [[nodiscard]] ipc::Result<void> bind(const Workflow& workflow) const;

  Attention& attention_;
  Limits limits_;
  Mask mask_;
  std::vector<std::unique_ptr<Integration>> integrations_;
  std::vector<std::string> secrets_;
};

// The step mark of a capability's processes, which no attempt at a step has.
[[nodiscard]] std::string capability_mark(const std::string& run_id, const std::string& uses);

// What `execute` is asked: the step as it is declared and what it can see, as JSON.
[[nodiscard]] std::string execute_params(const Step& step, const RunState& state,
                                         const std::vector<ResolvedInput>& inputs);

}  // namespace charter::worker
