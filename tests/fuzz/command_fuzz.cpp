// A text message of a gateway, any bytes: one of the commands, or why it is none, without quoting
// it. What a command carries as JSON is JSON.
#include <cstdint>
#include <string>
#include <string_view>

#include "check.h"
#include "ipc/json_scan.h"
#include "supervisor/link/messages.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace charter;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto inbound = supervisor::parse_inbound(text);
  const ipc::JsonLimits pythons{size + 2, 1000, true};
  if (const auto* start = std::get_if<supervisor::RunStart>(&inbound)) {
    const auto members = ipc::scan_object(text, pythons);
    CHARTER_CHECK(members && ipc::find(*members, "command_id") != nullptr);
    CHARTER_CHECK(ipc::json_string(ipc::find(*members, "command_id")->raw) == start->command_id);
    CHARTER_CHECK(ipc::scan_object(start->variables, pythons));
  } else if (const auto* input = std::get_if<supervisor::RunInput>(&inbound)) {
    CHARTER_CHECK(ipc::scan_object(input->input, pythons));
  } else if (const auto* malformed = std::get_if<supervisor::Malformed>(&inbound)) {
    CHARTER_CHECK(!malformed->message.empty());
  } else if (const auto* ignored = std::get_if<supervisor::Ignored>(&inbound)) {
    CHARTER_CHECK(!ignored->what.empty());
  }
  return 0;
}
