#include "worker/plan/fields.h"

#include <algorithm>

#include "worker/json/keys.h"

namespace charter::worker {

void check_unknown(const Object& raw, FieldNames allowed, const std::string& context,
                   Problems& problems, std::string_view where) {
  const SortedKeys sorted = sorted_keys(raw);
  if (sorted.fault) problems.break_off(*sorted.fault);
  for (const std::string_view key : sorted.keys) {
    if (std::find(allowed.begin(), allowed.end(), key) != allowed.end()) continue;
    std::string line = context + ": unknown field '" + key_text(key) + "'";
    if (!where.empty()) line.append(" in ").append(where);
    problems.add(std::move(line));
  }
}

void check_forbidden(const Object& raw, FieldNames forbidden, const std::string& context,
                     std::string_view kind, Problems& problems) {
  for (const std::string_view field : forbidden) {
    if (raw.find(field) == nullptr) continue;
    problems.add(context + ": field '" + std::string(field) + "' is not allowed on " +
                 std::string(kind));
  }
}

}  // namespace charter::worker
