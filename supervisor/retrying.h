// `retry`: a new run that goes on where one that ended has come to.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <variant>

#include "ipc/layout.h"
#include "supervisor/intake.h"
#include "supervisor/registry.h"
#include "supervisor/run_watcher.h"

namespace charter::supervisor {

// What the intake has to be asked for a run `new_id` that begins with the finished steps of the run
// `old_id`; or why there can be none: `not_retryable` for a run that is not over, has completed, or
// whose journal is gone, `unknown_run` for an id nothing is known of. Whether journal and snapshot
// can be used is found out by the intake. Looks at the disk.
[[nodiscard]] std::variant<Intake::Order, Refusal> retry_order(const ipc::Layout& layout,
                                                               const Registry& registry,
                                                               const std::string& old_id,
                                                               std::string new_id);

// Calls `then` once the run is over: its end is told as soon as it is on disk, and the last of its
// processes may end after that.
class UntilOver final : public RunWatcher {
 public:
  explicit UntilOver(std::function<void()> then) : then_(std::move(then)) {}
  void moved(Run& run) override;
  // Whether a run has come to its end and has not got it behind itself.
  [[nodiscard]] static bool awaits(const Run& run);

 private:
  std::function<void()> then_;
};

}  // namespace charter::supervisor
