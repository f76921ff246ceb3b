#include "worker/integrations/secret_inquiry.h"

namespace charter::worker {

ipc::Result<SecretAnswer> SecretInquiry::ask(const SecretQuestion& question) {
  const auto result = inquiry_.call("secret", secret_params(question, root_));
  if (!result) return result.error();
  return secret_answer(*result);
}

OpenBackends inquiries_for(const ipc::PrepareRequest& request) {
  return [sandbox = request.sandbox, data_dir = request.data_dir](PythonRuntime runtime,
                                                                  const std::string& root) {
    return std::make_unique<SecretInquiry>(std::move(runtime),
                                           Inquiry::Place{sandbox, root, data_dir});
  };
}

}  // namespace charter::worker
