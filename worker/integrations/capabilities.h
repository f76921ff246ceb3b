// The capabilities a run was handed over with: all of them live for one burst, whether a step uses
// them or not. A command has a process of its own, all that are Python share an interpreter.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "ipc/error.h"
#include "worker/attention.h"
#include "worker/integrations/integration.h"
#include "worker/integrations/message.h"
#include "worker/integrations/python_host.h"
#include "worker/limits.h"
#include "worker/plan/workflow.h"
#include "worker/reaper.h"
#include "worker/standby.h"
#include "worker/steps/environment.h"
#include "worker/steps/inputs.h"
#include "worker/stores/run_state.h"

namespace charter::worker {

// What Python integrations are started with.
struct PythonStart {
  std::string workflow_path;         // the plan's, or empty: modules beside it can be imported
  std::unique_ptr<WarmPython> warm;  // an interpreter that waits for this run, or none
};

class Capabilities {
 public:
  // `mask` is for what errors quote, `errors` where processes complain; it may be empty.
  Capabilities(Attention& attention, Reaper& reaper, const Limits& limits, PythonStart python,
               Mask mask, Integration::Errors errors)
      : attention_(attention),
        reaper_(reaper),
        limits_(limits),
        python_(std::move(python)),
        mask_(std::move(mask)),
        errors_(std::move(errors)) {}

  // Starts what the state's metadata names. Errors are the run's.
  ipc::Result<void> set_up(const RunState& state, const Environment& environment,
                           const Integration::Started& started);
  // Sees that every step has its capability; set_up() has succeeded. Errors are the run's.
  [[nodiscard]] ipc::Result<void> bind(const Workflow& workflow) const;
  // The run's interpreter, which is started if need be.
  ipc::Result<PythonHost*> interpreter(const RunState& state, const Environment& environment,
                                       const Integration::Started& started);
  // The one a step uses; set_up() has succeeded.
  [[nodiscard]] Integration* find(const std::string& uses);
  // In the order they were set up.
  void tear_down();

  // What must not be shown to anybody.
  [[nodiscard]] const std::vector<std::string>& secrets() const { return secrets_; }
  [[nodiscard]] bool own(pid_t pid) const;

 private:
  // What a burst's capabilities are made with.
  struct Making {
    std::string run_id;
    std::string project_root;
    const Environment& environment;
    const Integration::Started& started;
  };
  class HostBackends;
  ipc::Result<void> define(const std::string& uses, const Value& capability, const Making& making);
  ipc::Result<void> define_command(const std::string& uses, const Object& fields,
                                   const Making& making);
  ipc::Result<void> define_python(const std::string& uses, const Object& fields,
                                  const std::string& kind, const Making& making);
  ipc::Result<PythonHost*> host(const Making& making);
  void foretell(const Object& capabilities);

  Attention& attention_;
  Reaper& reaper_;
  Limits limits_;
  PythonStart python_;
  Mask mask_;
  Integration::Errors errors_;
  std::unique_ptr<PythonHost> host_;                           // once something needs Python
  std::vector<std::pair<std::string, std::string>> foretold_;  // methods and params
  bool defined_ = false;
  std::vector<std::unique_ptr<Integration>> integrations_;
  std::vector<std::string> secrets_;
};

// The step mark of a capability's processes, which no attempt at a step has.
[[nodiscard]] std::string capability_mark(const std::string& run_id, const std::string& uses);

// What `execute` is asked: the step as it is declared and what it can see, as JSON.
[[nodiscard]] std::string execute_params(const Step& step, const RunState& state,
                                         const std::vector<ResolvedInput>& inputs,
                                         const DumpStyle& style);

}  // namespace charter::worker
