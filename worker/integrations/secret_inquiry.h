// Asks secret backends before there is a run: an interpreter of its own, which ends with this.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>

#include "ipc/error.h"
#include "ipc/unique_fd.h"
#include "worker/plan/runtime.h"
#include "worker/plan/secret_backends.h"

namespace charter::worker {

class SecretInquiry : public SecretBackends {
 public:
  SecretInquiry(PythonRuntime runtime, std::string root)
      : runtime_(std::move(runtime)), root_(std::move(root)) {}
  ~SecretInquiry() override;
  SecretInquiry(const SecretInquiry&) = delete;
  SecretInquiry& operator=(const SecretInquiry&) = delete;

  // Starts the interpreter for the first question. All of them together have fifteen seconds.
  [[nodiscard]] ipc::Result<SecretAnswer> ask(const SecretQuestion& question) override;

 private:
  ipc::Result<void> start();
  ipc::Result<Object> call(std::string_view method, const std::string& params);
  ipc::Result<std::string> read_line();

  PythonRuntime runtime_;
  std::string root_;
  ipc::UniqueFd requests_;
  ipc::UniqueFd answers_;
  std::string received_;
  std::string unsent_;
  pid_t pid_ = 0;
  std::int64_t deadline_ms_ = 0;
  int asked_ = 0;
};

[[nodiscard]] std::unique_ptr<SecretBackends> open_inquiry(PythonRuntime runtime,
                                                           const std::string& root);

}  // namespace charter::worker
