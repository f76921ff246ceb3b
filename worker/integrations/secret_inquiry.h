// Asks secret backends before there is a run.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "ipc/error.h"
#include "worker/integrations/inquiry.h"
#include "worker/plan/runtime.h"
#include "worker/plan/secret_backends.h"

namespace charter::worker {

class SecretInquiry : public SecretBackends {
 public:
  SecretInquiry(PythonRuntime runtime, std::string root)
      : inquiry_(std::move(runtime), "Secret backends"), root_(std::move(root)) {}

  [[nodiscard]] ipc::Result<SecretAnswer> ask(const SecretQuestion& question) override;

 private:
  Inquiry inquiry_;
  std::string root_;
};

[[nodiscard]] std::unique_ptr<SecretBackends> open_inquiry(PythonRuntime runtime,
                                                           const std::string& root);

}  // namespace charter::worker
