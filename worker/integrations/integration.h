// What a step of type `step` uses: one capability of the run, for one burst. There are two kinds,
// commands (command_integration.h) and Python (python_integration.h).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "ipc/error.h"
#include "ipc/unique_fd.h"
#include "worker/json/value.h"

namespace charter::worker {

class Integration {
 public:
  // Told of every process that is started, by the name in its mark.
  using Started = std::function<void(const std::string& name, pid_t pid)>;

  // Asked for the standard error of each, by its name for people; none: it has this process's own.
  using Errors = std::function<ipc::UniqueFd(const std::string& source)>;

  explicit Integration(std::string uses) : uses_(std::move(uses)) {}
  virtual ~Integration() = default;
  Integration(const Integration&) = delete;
  Integration& operator=(const Integration&) = delete;

  [[nodiscard]] const std::string& uses() const { return uses_; }
  // The name in its process's mark.
  [[nodiscard]] virtual const std::string& name() const { return uses_; }

  virtual ipc::Result<void> set_up() = 0;
  // One attempt: the value it returned. Sets it up again first where that is needed.
  virtual ipc::Result<Value> execute(std::string_view params, std::int64_t deadline_ms) = 0;
  // How values are written in `params`.
  [[nodiscard]] virtual const DumpStyle& style() const { return kWire; }
  // The latest execute() ran out of time.
  [[nodiscard]] virtual bool late() const = 0;
  // There is no process to go on with.
  [[nodiscard]] virtual bool lost() const = 0;
  // Every step that uses it has to declare outputs.
  [[nodiscard]] virtual bool requires_outputs() const { return false; }
  // A failure is logged.
  virtual void tear_down() = 0;

  [[nodiscard]] virtual bool owns(pid_t pid) const = 0;

 private:
  std::string uses_;
};

}  // namespace charter::worker
