#include "worker/integrations/secret_inquiry.h"

namespace charter::worker {

ipc::Result<SecretAnswer> SecretInquiry::ask(const SecretQuestion& question) {
  const auto result = inquiry_.call("secret", secret_params(question, root_));
  if (!result) return result.error();
  return secret_answer(*result);
}

std::unique_ptr<SecretBackends> open_inquiry(PythonRuntime runtime, const std::string& root) {
  return std::make_unique<SecretInquiry>(std::move(runtime), root);
}

}  // namespace charter::worker
