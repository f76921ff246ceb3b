// One capability of kind `python` or `entry_point`: an object in the run's interpreter.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "ipc/error.h"
#include "worker/integrations/integration.h"
#include "worker/integrations/python_host.h"
#include "worker/json/value.h"

namespace charter::worker {

class PythonIntegration : public Integration {
 public:
  // `load` is what the interpreter is told to make it of, as JSON. `host` outlives this.
  PythonIntegration(std::string uses, std::string load, PythonHost& host)
      : Integration(std::move(uses)), load_(std::move(load)), host_(host) {}

  // The params of `load` and of what names nothing but the integration.
  [[nodiscard]] static std::string load_params(const std::string& uses, const Object& definition,
                                               const char* named, Object secrets);
  [[nodiscard]] static std::string own_params(const std::string& uses);

  // Imports and constructs it.
  ipc::Result<void> load(std::int64_t deadline_ms);
  ipc::Result<void> set_up() override { return set_up(kNever); }
  ipc::Result<void> set_up(std::int64_t deadline_ms);
  // An attempt that runs out of time is cancelled. An interpreter that does not let go of it is
  // ended; the next attempt sets up all Python integrations of the run in another.
  ipc::Result<Value> execute(std::string_view params, std::int64_t deadline_ms) override;
  [[nodiscard]] const std::string& name() const override { return PythonHost::name(); }
  [[nodiscard]] const DumpStyle& style() const override { return kPythonDefault; }
  [[nodiscard]] bool late() const override { return late_; }
  [[nodiscard]] bool lost() const override { return host_.lost(); }
  [[nodiscard]] bool requires_outputs() const override { return requires_outputs_; }
  void tear_down() override;

  [[nodiscard]] bool owns(pid_t pid) const override { return host_.owns(pid); }

 private:
  std::string load_;
  PythonHost& host_;
  bool requires_outputs_ = false;
  bool late_ = false;
};

}  // namespace charter::worker
