// A snapshot as a hand-off brings it, any bytes: JSON or an error; a workflow or an error; and what
// is stored of a workflow is read back as the same.
#include <cstdint>
#include <string_view>

#include "check_snapshot.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace charter::worker;
  const auto value = parse_json({reinterpret_cast<const char*>(bytes), size});
  if (!value) {
    CHARTER_CHECK(!value.error().message().empty());
    return 0;
  }
  const auto same = parse_json(dump(*value));
  CHARTER_CHECK(same && dump(*same) == dump(*value));
  const auto workflow = workflow_from_snapshot(*value);
  if (!workflow) {
    CHARTER_CHECK(!workflow.error().message().empty());
    return 0;
  }
  check_snapshot(snapshot_of(*workflow));
  return 0;
}
