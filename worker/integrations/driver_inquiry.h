// Storage drivers outside of a burst.
#pragma once

#include <memory>
#include <string>

#include "ipc/prepare.h"
#include "worker/integrations/inquiry.h"
#include "worker/plan/storage_probe.h"
#include "worker/stores/drivers.h"

namespace charter::worker {

class DriverInquiry : public StorageProbe {
 public:
  // `worker_id` is for the event store.
  DriverInquiry(PythonRuntime runtime, StorageDriver driver, Inquiry::Place place,
                std::string worker_id = {});

  [[nodiscard]] ipc::Result<void> bind() override;
  [[nodiscard]] ipc::Result<std::string> load(const std::string& run_id) override;
  [[nodiscard]] Drivers& drivers() { return drivers_; }
  // An error of the driver's as it may be logged.
  [[nodiscard]] std::string shown(const ipc::Error& error) const {
    return without_expanded(error.message(), driver_);
  }

 private:
  StorageDriver driver_;
  Inquiry inquiry_;
  Drivers drivers_;
};

// Of the request's project, in the request's sandbox.
[[nodiscard]] OpenProbe probes_for(const ipc::PrepareRequest& request);

}  // namespace charter::worker
