#include "ipc/versions.h"

#include <array>

#include "ipc/doorbell.h"
#include "ipc/gateway_message.h"
#include "ipc/job.h"
#include "ipc/log_segment.h"

namespace charter::ipc {

std::string_view product_version() { return CHARTER_VERSION; }

std::span<const FormatVersion> format_versions() {
  static constexpr std::array<FormatVersion, 6> kVersions{{{"ledger", kLedgerVersion},
                                                           {"journal", kLogVersion},
                                                           {"job", kJobVersion},
                                                           {"control", kControlVersion},
                                                           {"doorbell", kDoorbellVersion},
                                                           {"gateway", wire::kVersion}}};
  return kVersions;
}

}  // namespace charter::ipc
