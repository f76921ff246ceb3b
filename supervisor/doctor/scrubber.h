// Takes what must not leave the host out of texts that may.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "supervisor/doctor/subject.h"

namespace charter::supervisor {

class Scrubber {
 public:
  // Knows the gateway's token, user and password of its URL and of proxies, the page's token of
  // 'dev', and the values of variables whose names say that they are secret.
  explicit Scrubber(const Subject& subject);

  // The text with each of them, wherever it stands, as <removed>.
  [[nodiscard]] std::string clean(std::string text) const;
  // The daemon's own lines of its log, without what a refusal quotes of a request.
  [[nodiscard]] std::string clean_log(std::string_view lines) const;

 private:
  void remember(std::string secret);
  std::vector<std::string> secrets_;  // longest first
};

// A run view or a list of them as JSON, without the errors' and notes' texts: they quote what steps
// have printed.
[[nodiscard]] std::string without_errors(const client::Fields& run);

}  // namespace charter::supervisor
