// A storage driver before there is a run, or while one waits: whoever can start an interpreter can
// ask it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "ipc/error.h"
#include "worker/plan/project.h"
#include "worker/plan/runtime.h"

namespace charter::worker {

class StorageProbe {
 public:
  virtual ~StorageProbe() = default;
  // Whether the driver can be bound and has the stores it needs. Errors are the hand-off's.
  [[nodiscard]] virtual ipc::Result<void> bind() = 0;
  // The state of a run, as the text of a state file; once it is bound.
  [[nodiscard]] virtual ipc::Result<std::string> load(const std::string& run_id) = 0;
};

using OpenProbe =
    std::function<std::unique_ptr<StorageProbe>(PythonRuntime runtime, StorageDriver driver)>;

}  // namespace charter::worker
