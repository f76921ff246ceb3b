// Keeps sensitive texts out of a stream of bytes, wherever it is cut into chunks. What could be the
// beginning of such a text is held back until it is known not to be one; nothing else is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "worker/steps/secret_index.h"

namespace charter::worker {

class OutputMask {
 public:
  // From now on these are looked for, in place of those before. Empty ones are passed over.
  void know(const std::vector<std::string>& secrets) { secrets_ = SecretIndex(secrets); }

  // Takes the next chunk; what may be shown by now. In it every sensitive text, and several that
  // overlap altogether, is kRedacted.
  [[nodiscard]] std::string take(std::string_view bytes) { return release(bytes, false); }
  // The rest, nothing follows. Four bytes and more that begin a sensitive text count as one.
  [[nodiscard]] std::string finish() { return release({}, true); }

 private:
  [[nodiscard]] std::string release(std::string_view bytes, bool last);

  SecretIndex secrets_;
  std::string held_;
  std::size_t told_ = 0;  // of held_'s bytes: they belong to a kRedacted that was shown
};

}  // namespace charter::worker
