#include "ipc/versions.h"

#include <array>

#include "ipc/doorbell.h"
#include "ipc/job.h"
#include "ipc/log_segment.h"

namespace charter::ipc {

std::string_view product_version() { return CHARTER_VERSION; }

std::span<const FormatVersion> format_versions() {
  // Ledger and journal are logs of the one kind, and change together.
  static constexpr std::array<FormatVersion, 5> kVersions{{{"ledger", kLogVersion},
                                                           {"journal", kLogVersion},
                                                           {"job", kJobVersion},
                                                           {"control", kControlVersion},
                                                           {"doorbell", kDoorbellVersion}}};
  return kVersions;
}

}  // namespace charter::ipc
