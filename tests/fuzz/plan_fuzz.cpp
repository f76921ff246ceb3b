// A plan as YAML, any bytes: a workflow or a refusal with a code and a reason. A workflow's stored
// snapshot is read back as the same workflow.
#include "worker/plan/plan.h"

#include <cstdint>
#include <string_view>

#include "check_snapshot.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace charter::worker;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto workflow = parse_plan(text, "fuzzed");
  if (!workflow) {
    CHARTER_CHECK(!workflow.error().code.empty() && !workflow.error().text.empty());
    return 0;
  }
  const Value snapshot = snapshot_of(*workflow);
  if (json_fault(snapshot)) return 0;  // a date, say: a launch refuses it
  check_snapshot(snapshot);
  return 0;
}
