#include "worker/integrations/driver_inquiry.h"

#include <utility>

namespace charter::worker {

DriverInquiry::DriverInquiry(PythonRuntime runtime, StorageDriver driver, Inquiry::Place place,
                             std::string worker_id)
    : driver_(std::move(driver)),
      inquiry_(std::move(runtime), "Storage drivers", std::move(place)),
      drivers_([this](std::string_view method, const std::string& params,
                      std::int64_t /*deadline_ms*/) { return inquiry_.call(method, params); },
               std::move(worker_id)) {}

ipc::Result<void> DriverInquiry::bind() { return drivers_.bind(driver_); }

ipc::Result<std::string> DriverInquiry::load(const std::string& run_id) {
  return drivers_.load(run_id);
}

OpenProbe probes_for(const ipc::PrepareRequest& request) {
  return [place = Inquiry::Place{request.sandbox, request.project_root, request.data_dir}](
             PythonRuntime runtime, StorageDriver driver) {
    return std::make_unique<DriverInquiry>(std::move(runtime), std::move(driver), place);
  };
}

}  // namespace charter::worker
