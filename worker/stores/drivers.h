// The stores of a project's storage driver, which are Python, and what the run has in them: its
// state, its events, its artifacts and its keys. Each call is one of the bridge's
// (integrations/bridge/charter_bridge.py), made when and with what the toolchain would make it.
//
// Errors are the driver's own texts. What was given to a store is there when the call returns.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "ipc/error.h"
#include "worker/clock.h"
#include "worker/json/value.h"
#include "worker/plan/project.h"
#include "worker/recorder.h"

namespace charter::worker {

class Drivers : public EventSink {
 public:
  // Makes one request; the deadline is on the boot clock.
  using Ask = std::function<ipc::Result<Object>(std::string_view method, const std::string& params,
                                                std::int64_t deadline_ms)>;

  // `worker_id` is for the event store.
  Drivers(Ask ask, std::string worker_id)
      : ask_(std::move(ask)), worker_id_(std::move(worker_id)) {}

  ipc::Result<void> bind(const StorageDriver& driver);
  [[nodiscard]] bool has_artifacts() const { return has_artifacts_; }
  [[nodiscard]] bool has_keys() const { return has_keys_; }

  // The state as the text of a state file.
  ipc::Result<void> save(const std::string& state);
  ipc::Result<std::string> load(const std::string& run_id);

  // The number the event got; none where there is no event store, or it gave no number.
  ipc::Result<std::optional<std::int64_t>> append(const ipc::Event& event,
                                                  std::int64_t at_us) override;

  ipc::Result<void> write_artifact(const std::string& envelope);
  // Its contents. Ends at the deadline of the step, if it has one.
  ipc::Result<Value> load_artifact(const Value& id);
  void set_deadline(std::int64_t deadline_ms) { deadline_ms_ = deadline_ms; }

  // Nothing when there is no such key.
  ipc::Result<std::optional<Value>> key(const Value& name);
  ipc::Result<void> set_key(const Value& name, const Value& value);

 private:
  ipc::Result<Object> ask(std::string_view method, Object params) const;

  Ask ask_;
  std::string worker_id_;
  bool has_events_ = false;
  bool has_artifacts_ = false;
  bool has_keys_ = false;
  std::int64_t deadline_ms_ = kNever;
};

// What the bridge is asked to bind.
[[nodiscard]] std::string storage_params(const StorageDriver& driver);

}  // namespace charter::worker
