#include "worker/plan/refusals.h"

#include <algorithm>

#include "worker/json/python.h"
#include "worker/plan/secrets.h"

namespace charter::worker {
namespace {

class Refusals {
 public:
  void add(std::string_view failure_code, const std::string& what) {
    if (code_.empty()) code_ = failure_code;
    if (std::find(items_.begin(), items_.end(), what) == items_.end()) items_.push_back(what);
  }

  [[nodiscard]] std::optional<Failure> result() const {
    if (items_.empty()) return std::nullopt;
    std::string text = "This version of charter-daemon does not run: ";
    for (const std::string& item : items_) {
      if (&item != &items_.front()) text += ", ";
      text += item;
    }
    return Failure(code_, std::move(text));
  }

 private:
  std::string code_;
  std::vector<std::string> items_;
};

void refuse_capability(const Object& capability, Refusals& refusals) {
  for (const std::string_view field : {"config_secret_refs", "env_secret_refs"}) {
    const Value& secrets = get(capability, field);
    if (!secrets.is_object()) continue;
    for (const auto& [name, reference] : secrets.as_object()) {
      if (secret_scheme(str(reference)) != "registry") continue;
      refusals.add(code::kCapabilityError, "secret backends ('" + str(reference) + "')");
    }
  }
}

}  // namespace

std::optional<Failure> refuse(const RunParts& parts) {
  Refusals refusals;
  for (const auto& [uses, capability] : parts.capabilities) {
    refuse_capability(capability.as_object(), refusals);
  }
  if (parts.storage_driver != "file") {
    refusals.add(code::kInternalError, "storage driver '" + parts.storage_driver + "'");
  }
  return refusals.result();
}

}  // namespace charter::worker
