// The stock hand-off request: one run, as the CLI sends it.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ipc/json_scan.h"
#include "ipc/prepare.h"

namespace charter::supervisor {

struct HandOffRequest {
  std::string run_id;
  ipc::PrepareRequest question;
};

// Reads the members of a request object, which is `line`. The other alternative is what is wrong,
// for the client: the field and the reason, one problem after the other.
[[nodiscard]] std::variant<HandOffRequest, std::string> read_hand_off(
    std::string_view line, const std::vector<ipc::JsonMember>& members);

// What is wrong with a line of JSON that is no object.
[[nodiscard]] std::string not_a_request(std::string_view line);

}  // namespace charter::supervisor
