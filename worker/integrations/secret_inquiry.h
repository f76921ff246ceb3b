// Asks secret backends before there is a run.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "ipc/error.h"
#include "ipc/prepare.h"
#include "worker/integrations/inquiry.h"
#include "worker/plan/launch.h"
#include "worker/plan/runtime.h"
#include "worker/plan/secret_backends.h"

namespace charter::worker {

class SecretInquiry : public SecretBackends {
 public:
  SecretInquiry(PythonRuntime runtime, const Inquiry::Place& place)
      : inquiry_(std::move(runtime), "Secret backends", place), root_(place.root) {}

  [[nodiscard]] ipc::Result<SecretAnswer> ask(const SecretQuestion& question) override;

 private:
  Inquiry inquiry_;
  std::string root_;
};

// Of the request's project, in the request's sandbox.
[[nodiscard]] OpenBackends inquiries_for(const ipc::PrepareRequest& request);

}  // namespace charter::worker
