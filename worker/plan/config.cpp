#include "worker/plan/config.h"

#include <algorithm>

#include "worker/json/keys.h"
#include "worker/json/python.h"

namespace charter::worker {

Fault find_unknown(const Object& raw, std::initializer_list<std::string_view> allowed,
                   const std::string& context) {
  const SortedKeys sorted = sorted_keys(raw);
  if (sorted.fault) return bare(*sorted.fault);
  for (const std::string_view key : sorted.keys) {
    if (std::find(allowed.begin(), allowed.end(), key) != allowed.end()) continue;
    return invalid(context + ": unknown field '" + key_text(key) + "'");
  }
  return std::nullopt;
}

const Value& or_empty(const Value& value) {
  static const Value kEmpty{Object()};
  return truthy(value) ? value : kEmpty;
}

}  // namespace charter::worker
