// The stock hand-off request: one run, as the CLI sends it.
#pragma once

#include <string>
#include <variant>
#include <vector>

#include "ipc/json_scan.h"
#include "ipc/prepare.h"

namespace charter::supervisor {

struct HandOffRequest {
  std::string run_id;
  ipc::PrepareRequest question;
};

// Reads the members of a request object. The other alternative is what is wrong, for the client:
// the field and the reason, one problem a line.
[[nodiscard]] std::variant<HandOffRequest, std::string> read_hand_off(
    const std::vector<ipc::JsonMember>& members);

}  // namespace charter::supervisor
