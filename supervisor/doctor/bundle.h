// The texts of a support bundle.
#pragma once

#include <string>
#include <vector>

#include "supervisor/doctor/report.h"
#include "supervisor/doctor/subject.h"

namespace charter::supervisor {

struct BundleFile {
  std::string name;
  std::string text;
};

// What somebody who is asked for help wants to see, and nothing that must stay on the host:
// README.txt among it says what that is.
[[nodiscard]] std::vector<BundleFile> bundle_of(const Subject& subject, const Report& report);

}  // namespace charter::supervisor
