// Backends of registry:// secrets, which are Python: whoever can start an interpreter asks them.
#pragma once

#include <string>

#include "ipc/error.h"
#include "worker/json/value.h"

namespace charter::worker {

struct SecretQuestion {
  std::string alias;
  std::string kind;
  Object options;
  std::string key;
};

struct SecretAnswer {
  // `wrong`: the backend's own complaint about the key; `refused`: there is no such backend, or
  // its text stands for itself.
  enum class Kind { value, not_text, wrong, refused };
  Kind kind = Kind::value;
  std::string text;
};

class SecretBackends {
 public:
  virtual ~SecretBackends() = default;
  // An error is any other of the backend's, or the interpreter's.
  [[nodiscard]] virtual ipc::Result<SecretAnswer> ask(const SecretQuestion& question) = 0;
};

// The question and the answer as the bridge (integrations/bridge) has them, as JSON.
[[nodiscard]] std::string secret_params(const SecretQuestion& question, const std::string& root);
[[nodiscard]] SecretAnswer secret_answer(const Object& result);

}  // namespace charter::worker
